#include "create.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/utsname.h>

#include "kernel.h"

static int hexadecimal(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* 32 hexadecimal digits, dashes between them allowed; zeros when it is none. */
static void read_uuid(uint8_t to[16], const char *text)
{
    uint8_t id[16] = {0};
    int digits = 0;
    for (; *text && digits < 32; text++) {
        int digit = hexadecimal(*text);
        if (digit >= 0) {
            id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit);
            digits++;
        } else if (*text != '-') {
            break;
        }
    }
    if (digits < 32)
        bytes_clear(id, sizeof id);
    bytes_copy(to, id, sizeof id);
}

static long read_file(const char *path, void *to, size_t size)
{
    int file = kernel_open(PROBE_AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return file;
    long got = kernel_read(file, to, size);
    kernel_close(file);
    return got;
}

/* The host's name as it stands in file names: a slash would leave the folder. */
static void read_host(char to[65])
{
    struct utsname names;
    bytes_clear(to, 65);
    if (KERNEL(uname, &names, 0, 0, 0) < 0)
        return;
    for (int i = 0; i < 64 && names.nodename[i]; i++)
        to[i] = names.nodename[i] == '/' ? '_' : names.nodename[i];
}

static const char *last_name(const char *folder)
{
    const char *name = folder;
    for (const char *at = folder; *at; at++)
        if (*at == '/' && at[1] && at[1] != '/')
            name = at + 1;
    return name;
}

static uint64_t size_of_number(uint32_t number)
{
    uint64_t size = PROBE_SEGMENT_FIRST;
    while (number-- && size < PROBE_SEGMENT_MOST)
        size *= 2;
    return size;
}

static void fill_header(struct probe_segment *header, const char *folder, uint32_t number)
{
    char text[PROBE_PATH_MAX];
    bytes_clear(header, sizeof *header);
    bytes_copy(header->magic, "PROBESEG", 8);
    header->version = PROBE_VERSION;
    header->header_size = PROBE_HEADER_SIZE;
    header->size = size_of_number(number);
    header->number = number;
    header->next = PROBE_HEADER_SIZE;
    read_host(header->host);
    read_uuid(header->run, last_name(folder));
    long got = read_file("/proc/sys/kernel/random/boot_id", text, 64);
    if (got > 0) {
        text[got < 64 ? got : 63] = 0;
        read_uuid(header->boot, text);
    }
    text_append(text_append(text, text + sizeof text, folder), text + sizeof text, "/../../key");
    if (read_file(text, header->key, sizeof header->key) != (long)sizeof header->key)
        bytes_clear(header->key, sizeof header->key);
    header->monotonic = kernel_clock(CLOCK_MONOTONIC);
    header->realtime = kernel_clock(CLOCK_REALTIME);
}

/* Every byte gets its place on the disk; never ftruncate: a store into a hole of a full disk is SIGBUS. */
static long allocate(int file, uint64_t size)
{
    char zeros[4096];
    uint64_t limit[2]; /* RLIMIT_FSIZE: to pass it would be a signal to the program */
    if (KERNEL(prlimit64, 0, 1, NULL, limit) == 0 && limit[0] < size)
        return -EFBIG;
    long failed = KERNEL(fallocate, file, 0, 0, size);
    if (failed != -EOPNOTSUPP && failed != -ENOSYS)
        return failed;
    bytes_clear(zeros, sizeof zeros);
    for (uint64_t at = 0; at < size; at += sizeof zeros) {
        long wrote = KERNEL(pwrite64, file, zeros, sizeof zeros, at);
        if (wrote != (long)sizeof zeros)
            return wrote < 0 ? wrote : -ENOSPC;
    }
    return 0;
}

static long put_in_place(const char *made, const char *name)
{
    long failed = KERNEL(linkat, PROBE_AT_FDCWD, made, PROBE_AT_FDCWD, name);
    if (failed == -EPERM || failed == -EOPNOTSUPP || failed == -ENOSYS) /* no hard links here */
        failed = kernel_call(SYS_renameat2, PROBE_AT_FDCWD, (long)made, PROBE_AT_FDCWD, (long)name,
                             1 /* RENAME_NOREPLACE */, 0);
    KERNEL(unlinkat, PROBE_AT_FDCWD, made, 0, 0);
    return failed;
}

int probe_segment_name(char *to, size_t size, const char *folder, uint32_t number)
{
    char host[65], *at, *end = to + size;
    read_host(host);
    at = text_append(to, end, folder);
    at = text_append(at, end, "/segment-");
    at = text_append(at, end, host);
    at = text_append(at, end, "-");
    at = text_append_number(at, end, number);
    return at + 1 < end ? 0 : -ENAMETOOLONG;
}

int probe_segment_create(const char *folder, uint32_t number)
{
    struct probe_segment header;
    char name[PROBE_PATH_MAX], made[PROBE_PATH_MAX];
    int failed = probe_segment_name(name, sizeof name - 32, folder, number);
    if (failed)
        return failed;
    char *at = text_append(made, made + sizeof made, name);
    at = text_append(at, made + sizeof made, ".");
    text_append_number(at, made + sizeof made, (uint64_t)kernel_thread());
    int file = kernel_open(PROBE_AT_FDCWD, made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return file;
    fill_header(&header, folder, number);
    long result = allocate(file, header.size);
    if (result >= 0)
        result = KERNEL(pwrite64, file, &header, sizeof header, 0);
    kernel_close(file);
    if (result < 0) {
        KERNEL(unlinkat, PROBE_AT_FDCWD, made, 0, 0);
        return (int)result;
    }
    return (int)put_in_place(made, name);
}
