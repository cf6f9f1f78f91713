/* Paths that repeat, whole or in their folder: absolute, relative, below descriptors, after fork and chdir. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void ask(const char *path)
{
    struct stat status;
    int file;
    stat(path, &status);
    lstat(path, &status);
    access(path, R_OK);
    file = open(path, O_RDONLY);
    if (file >= 0)
        close(file);
    stat(path, &status);
}

static void ask_all(const char *folder)
{
    char path[200];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/file%d", folder, i);
        ask(path);
    }
}

static void *thread(void *folder)
{
    ask_all(folder);
    return NULL;
}

int main(void)
{
    pthread_t other;
    struct stat status;
    mkdir("folder", 0755);
    mkdir("folder/inner", 0755);
    close(open("folder/inner/file1", O_WRONLY | O_CREAT, 0644));
    ask_all("folder/inner");
    ask_all("/etc/no-such-folder");
    ask_all("./folder/");
    pthread_create(&other, NULL, thread, "folder/inner");
    pthread_join(other, NULL);
    int at = open("folder", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 2; i++) {
        fstatat(at, "inner/file1", &status, 0);
        faccessat(at, "inner/file2", R_OK, 0);
        fstatat(at, "inner/", &status, 0);
        fstatat(at, "plain", &status, 0);
        faccessat(at, "plain", R_OK, 0);
    }
    pid_t child = fork();
    if (!child) {
        ask_all("folder/inner");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    if (chdir("folder"))
        return 1;
    ask_all("inner");
    ask_all("folder/inner");
    return 0;
}
