/* Does one thing that a recorder from inside cannot see; the first argument says which. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RTLD_DEEPBIND /* musl */
#define RTLD_DEEPBIND 0
#endif

/* Past libc, as a language's own run-time does it. */
static long past_libc(long number, long a, long b, long c)
{
#if defined(__x86_64__)
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

/* Leaves a frame half written in our own block of the segment, and dies. */
static int torn(void)
{
    char line[4096], path[4096] = "";
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long from = 0, to = 0;
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095s", &from, &to, path) == 3 && strstr(path, "/segment-"))
            break;
    for (char *at = (char *)from + 16384; at < (char *)to; at += 1024) {
        uint32_t *block = (uint32_t *)(void *)at;
        if (block[0] == 0x4b4c4250 && block[3] == (uint32_t)getpid()) {
            uint32_t used = __atomic_fetch_add(&block[2], 64, __ATOMIC_SEQ_CST);
            if (used + 64 > block[1])
                continue;
            *(int32_t *)(void *)(at + used) = 64;
            raise(SIGKILL);
        }
    }
    return 3;
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    char *none[] = {NULL}, *cat[] = {"cat", "/dev/null", NULL};
    if (!strcmp(what, "io_uring"))
        syscall(425, 4, calloc(1, 120)); /* refused or not: it was tried */
    if (!strcmp(what, "dlmopen"))
        return !dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
    if (!strcmp(what, "deepbind"))
        return !dlopen("libm.so.6", RTLD_NOW | RTLD_DEEPBIND);
    if (!strcmp(what, "chroot"))
        return chroot(count > 2 ? arguments[2] : "/");
    if (!strcmp(what, "unshare"))
        return unshare(CLONE_NEWNS);
    if (!strcmp(what, "number"))
        return (int)syscall(SYS_truncate, arguments[2], 0);
    if (!strcmp(what, "past-libc"))
        past_libc(SYS_execve, (long)"/bin/cat", (long)cat, (long)none);
    if (!strcmp(what, "torn"))
        return torn();
    if (!strcmp(what, "fill"))
        for (int i = 0; i < 400000; i++) {
            char name[64];
            snprintf(name, sizeof name, "none-%d", i);
            if (access(name, F_OK) == 0)
                return 1;
        }
    return 0;
}
