/* Opens, reads and closes the 50,000 small files of `tree`: loop THREADS [stat]. Dynamic or static. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 50000
#define THREADS_MOST 8

static long each;
static int asks;

static void *loop(void *first)
{
    char path[64], text[16];
    struct stat status;
    for (long i = 0, at = (long)first; i < each; i++, at++) {
        snprintf(path, sizeof path, "tree/%03ld/%02ld.txt", at / 100 % 500, at % 100);
        if (asks && stat(path, &status))
            exit(1);
        int file = open(path, O_RDONLY);
        if (file < 0 || read(file, text, sizeof text) < 0)
            exit(1);
        close(file);
    }
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t all[THREADS_MOST];
    int threads = count > 1 ? atoi(arguments[1]) : 1;
    if (threads < 1 || threads > THREADS_MOST)
        return 2;
    asks = count > 2;
    each = FILES / threads;
    for (long i = 0; i < threads; i++)
        pthread_create(&all[i], NULL, loop, (void *)(i * each));
    for (int i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    return 0;
}
