/* Programs in odd places: the first argument says which. What they print must be the same recorded or not. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int ends(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static void *in_a_thread(void *name)
{
    char *arguments[] = {"true", NULL};
    struct stat status;
    pid_t child;
    int file = open(name, O_RDONLY);
    intptr_t good = file >= 0 && stat(name, &status) == 0 && access("none", F_OK) < 0 && errno == ENOENT;
    close(file);
    good = good && posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0 && ends(child) == 0;
    if ((child = vfork()) == 0) {
        execve("/bin/true", arguments, environ);
        _exit(1);
    }
    return (void *)(good && ends(child) == 0);
}

static int tiny_stack(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *result = NULL;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN) + 4096);
    pthread_create(&thread, &attributes, in_a_thread, "/etc/passwd");
    pthread_join(thread, &result);
    return printf("%d\n", (int)(intptr_t)result) < 0;
}

static volatile int opened;

static void open_in_handler(int number)
{
    (void)number;
    int saved = errno, file = open("/etc/passwd", O_RDONLY);
    opened += file >= 0 && close(file) == 0;
    errno = saved;
}

/* A handler on a stack of its own that has just the size the system asks for. */
static int signal_stack(void)
{
    size_t size = (size_t)sysconf(_SC_SIGSTKSZ);
    stack_t stack = {.ss_sp = malloc(size), .ss_size = size};
    struct sigaction action = {.sa_handler = open_in_handler, .sa_flags = SA_ONSTACK | SA_RESTART};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 100; i++) {
        raise(SIGUSR1);
        FILE *other = fopen("/etc/group", "r");
        if (other)
            fclose(other);
    }
    return printf("%d\n", opened) < 0;
}

static int few_descriptors(void)
{
    struct rlimit four = {4, 4};
    setrlimit(RLIMIT_NOFILE, &four);
    int first = open("/etc/passwd", O_RDONLY), second = open("/etc/passwd", O_RDONLY);
    printf("%d %d %d\n", first, second, errno);
    fflush(stdout);
    close(first);
    return printf("%d\n", system("exit 5") >> 8) < 0;
}

static int no_file_may_grow(void)
{
    struct rlimit nothing = {0, 0};
    setrlimit(RLIMIT_FSIZE, &nothing);
    signal(SIGXFSZ, SIG_IGN);
    int file = open("grows", O_WRONLY | O_CREAT, 0600);
    ssize_t wrote = write(file, "x", 1);
    printf("%zd %d %d\n", wrote, errno, system("exit 3") >> 8);
    return 0;
}

static int closing(void)
{
    int low = open("/etc/passwd", O_RDONLY), high = dup2(low, 200);
    closefrom(3);
    int again = open("/etc/passwd", O_RDONLY);
    long failed = syscall(SYS_close_range, 3, ~0u, 0);
    int last = open("/etc/passwd", O_RDONLY);
    printf("%d %d %d %ld %d\n", low, high, again, failed, last);
    for (int i = 0; i < 3; i++)
        close(i);
    int zero = open("/etc/passwd", O_RDONLY), one = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    return zero != 0 || one != 1 || system("echo done") != 0;
}

static int descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            printf("%s ", entry->d_name);
    printf("\n");
    closedir(folder);
    return system("ls /proc/self/fd | sort -n | tr '\\n' ' '");
}

static int long_paths(void)
{
    char path[PATH_MAX + 1000] = "", part[256];
    memset(part, 'p', 200);
    part[200] = 0;
    getcwd(path, sizeof path);
    while (strlen(path) + 201 < PATH_MAX - 30) {
        strcat(strcat(path, "/"), part);
        if (mkdir(path, 0700) < 0)
            return 1;
    }
    memset(part, 'q', PATH_MAX - 2 - strlen(path));
    part[PATH_MAX - 2 - strlen(path)] = 0;
    strcat(strcat(path, "/"), part);
    int longest = open(path, O_WRONLY | O_CREAT, 0600);
    printf("%zu %d ", strlen(path), longest);
    strcat(path, "x");
    int failed = open(path, O_RDONLY);
    printf("%d %d ", failed, errno);
    failed = stat(path, &(struct stat){0});
    printf("%d %d ", failed, errno);
    char *arguments[] = {path, NULL};
    failed = execv(path, arguments);
    printf("%d %d\n", failed, errno);
    return 0;
}

static void *opens(void *which)
{
    char path[64];
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "none-%d-%d", (int)(intptr_t)which, i);
        if (open(path, O_RDONLY) != -1 || errno != ENOENT)
            return (void *)1;
    }
    return NULL;
}

static int many_threads(void)
{
    pthread_t threads[200];
    int bad = 0;
    for (intptr_t i = 0; i < 200; i++)
        bad += pthread_create(&threads[i], NULL, opens, (void *)i) != 0;
    for (int i = 0; i < 200; i++) {
        void *result;
        pthread_join(threads[i], &result);
        bad += result != NULL;
    }
    return printf("%d\n", bad) < 0;
}

/* All live at once, then each opens a file of its own. */
static int many_forks(void)
{
    int gate[2], good = 0;
    char byte, path[64];
    if (pipe(gate))
        return 1;
    for (int i = 0; i < 2000; i++)
        if (fork() == 0) {
            close(gate[1]);
            if (read(gate[0], &byte, 1) != 0)
                _exit(1);
            snprintf(path, sizeof path, "none-%d", i);
            _exit(open(path, O_RDONLY) == -1 && errno == ENOENT ? 0 : 1);
        }
    close(gate[0]);
    close(gate[1]);
    for (int status; wait(&status) > 0;)
        good += status == 0;
    return printf("%d\n", good) < 0;
}

static int errno_is_kept(void)
{
    int bad = 0, file, ends_of[2];
    struct stat status;
#define KEEPS(CALL) (errno = 77, (CALL), bad = bad * 2 + (errno != 77))
    KEEPS(file = open("file", O_RDWR | O_CREAT, 0600));
    KEEPS(fstat(file, &status));
    KEEPS(ftruncate(file, 5));
    KEEPS(dup2(file, 9));
    KEEPS(close(9));
    KEEPS(close(file));
    KEEPS(stat("file", &status));
    KEEPS(rename("file", "other"));
    KEEPS(chmod("other", 0644));
    KEEPS(pipe(ends_of));
    KEEPS(mkdir("folder", 0700));
    KEEPS(chdir("folder"));
    KEEPS(chdir(".."));
    KEEPS(rmdir("folder"));
    KEEPS(unlink("other"));
    KEEPS(ends(fork() ?: (_exit(0), 0)));
    return printf("%d\n", bad) < 0;
}

int who(void) { return 1; }

static int deep_binding(const char *plugin)
{
    void *loaded = dlopen(plugin, RTLD_NOW | RTLD_DEEPBIND);
    int (*asks)(void) = loaded ? (int (*)(void))dlsym(loaded, "asks") : NULL;
    return printf("%d\n", asks ? asks() : -1) < 0;
}

static int is(const char *argument, const char *name) { return !strcmp(argument, name); }

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (is(what, "tiny-stack"))
        return tiny_stack();
    if (is(what, "signal-stack"))
        return signal_stack();
    if (is(what, "few-descriptors"))
        return few_descriptors();
    if (is(what, "no-file-may-grow"))
        return no_file_may_grow();
    if (is(what, "closing"))
        return closing();
    if (is(what, "descriptors"))
        return descriptors();
    if (is(what, "long-paths"))
        return long_paths();
    if (is(what, "many-threads"))
        return many_threads();
    if (is(what, "many-forks"))
        return many_forks();
    if (is(what, "errno"))
        return errno_is_kept();
    if (is(what, "deep-binding"))
        return deep_binding(arguments[2]);
    return 0;
}
