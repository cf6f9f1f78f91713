/*
 * The kernel without libc: raw system calls and the few memory and text functions
 * that the recorder needs. Nothing here touches errno, allocates or locks.
 * A failing call returns minus its error number.
 * All that depends on the machine (x86-64, AArch64) stands in this file.
 */
#ifndef PROBE_KERNEL_H
#define PROBE_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define PROBE_AT_FDCWD (-100)
#define PROBE_PATH_MAX 4096

/* Set once the program has put on a seccomp filter: a call of ours could kill it. Then none is made (-EPERM). */
/*
 * What a start writes stands in .data: in the one page that the loader's relocations have written already.
 * Each page more that a start touches costs every program about a microsecond.
 */
#define PROBE_AT_START __attribute__((section(".data")))

extern int kernel_closed __attribute__((visibility("hidden")));

#if defined(__x86_64__)

static inline long kernel_enter(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define VDSO_CLOCK "__vdso_clock_gettime"
#define ELF_MACHINE 62 /* EM_X86_64 */

#elif defined(__aarch64__)

#define VDSO_CLOCK "__kernel_clock_gettime"
#define ELF_MACHINE 183 /* EM_AARCH64 */

static inline long kernel_enter(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

#else
#error "libprobe knows x86-64 and AArch64"
#endif

static inline long kernel_call(long number, long a, long b, long c, long d, long e, long f)
{
    return __builtin_expect(kernel_closed, 0) ? -1 : kernel_enter(number, a, b, c, d, e, f);
}

#define KERNEL(NAME, A, B, C, D) \
    kernel_call(SYS_##NAME, (long)(A), (long)(B), (long)(C), (long)(D), 0, 0)

static inline int kernel_open(int at, const char *path, int flags, unsigned mode)
{
    return (int)KERNEL(openat, at, path, flags, mode);
}

static inline void kernel_close(int descriptor) { KERNEL(close, descriptor, 0, 0, 0); }
static inline int kernel_pid(void) { return (int)KERNEL(getpid, 0, 0, 0, 0); }
static inline int kernel_parent(void) { return (int)KERNEL(getppid, 0, 0, 0, 0); }
static inline int kernel_thread(void) { return (int)KERNEL(gettid, 0, 0, 0, 0); }

static inline long kernel_read(int descriptor, void *to, size_t size)
{
    return KERNEL(read, descriptor, to, size, 0);
}

static inline long kernel_read_at(int descriptor, void *to, size_t size, int64_t offset)
{
    return KERNEL(pread64, descriptor, to, size, offset);
}

/* The kernel's own struct stat is libc's `struct stat` on both 64-bit machines and in both libcs. */
static inline int kernel_stat_of(int descriptor, struct stat *to)
{
    return (int)KERNEL(fstat, descriptor, to, 0, 0);
}

static inline int kernel_stat_at(int at, const char *path, struct stat *to, int flags)
{
    return (int)KERNEL(newfstatat, at, path, to, flags);
}

static inline long kernel_link_text(const char *path, char *to, size_t size)
{
    return KERNEL(readlinkat, PROBE_AT_FDCWD, path, to, size);
}

/* Length with the final NUL, or minus an error number. */
static inline long kernel_directory(char *to, size_t size) { return KERNEL(getcwd, to, size, 0, 0); }

static inline void *kernel_map(size_t size, int protection, int flags, int descriptor)
{
    long at = kernel_call(SYS_mmap, 0, (long)size, protection, flags, descriptor, 0);
    return at < 0 && at > -4096 ? NULL : (void *)at;
}

static inline void kernel_unmap(void *at, size_t size) { KERNEL(munmap, at, size, 0, 0); }

static inline int64_t kernel_clock(int clock)
{
    struct timespec time;
    KERNEL(clock_gettime, clock, &time, 0, 0);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Memory and texts. */

static inline void bytes_copy(void *to, const void *from, size_t size)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    for (; size >= 8; size -= 8, out += 8, in += 8) {
        uint64_t word;
        __builtin_memcpy(&word, in, 8);
        __builtin_memcpy(out, &word, 8);
    }
    if (size & 4)
        __builtin_memcpy(out, in, 4), out += 4, in += 4;
    if (size & 2)
        __builtin_memcpy(out, in, 2), out += 2, in += 2;
    if (size & 1)
        *out = *in;
}

static inline void bytes_clear(void *to, size_t size)
{
    unsigned char *out = to;
    while (size--)
        *out++ = 0;
}

static inline int bytes_equal(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    for (size_t i = 0; i < size; i++)
        if (left[i] != right[i])
            return 0;
    return 1;
}

static inline size_t text_length(const char *text)
{
    const char *end = text;
    while (*end)
        end++;
    return (size_t)(end - text);
}

static inline int text_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static inline int text_begins(const char *text, const char *with)
{
    while (*with)
        if (*text++ != *with++)
            return 0;
    return 1;
}

/* Appends to [at, end), always NUL-terminated there; returns the new end of the text. */
static inline char *text_append(char *at, const char *end, const char *text)
{
    while (*text && at + 1 < end)
        *at++ = *text++;
    *at = 0;
    return at;
}

static inline char *text_append_number(char *at, const char *end, uint64_t number)
{
    char digits[24], *first = digits + sizeof digits - 1;
    *first = 0;
    do
        *--first = (char)('0' + number % 10);
    while (number /= 10);
    return text_append(at, end, first);
}

#endif
