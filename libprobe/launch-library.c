/*
 * Unpacking libprobe, once per version and spool: <spool>/lib/libprobe-<hash>.so.
 * The loader must be able to use that path as it stands in LD_PRELOAD, in every program
 * below, or it would complain on the program's standard error. So it lies below /tmp instead
 * when the spool's path holds a character that LD_PRELOAD gives a meaning to, when the file
 * system forbids executable mappings, or (for root, whose children may become somebody else)
 * when others cannot reach it.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>

extern const char launch_library[], launch_library_end[];

#define MOUNTED_NOEXEC 8 /* ST_NOEXEC of statfs.f_flags */

static uint64_t hash_of(const char *from, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = 0;
        bytes_copy(&word, from + at, size - at < 8 ? size - at : 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 29;
    }
    return hash;
}

static void append_hash(char *at, const char *end, uint64_t hash)
{
    for (int shift = 60; shift >= 0 && at + 1 < end; shift -= 4)
        *at++ = "0123456789abcdef"[hash >> shift & 15];
    *at = 0;
}

static int loader_can_name(const char *path)
{
    for (; *path; path++)
        if (*path == ' ' || *path == ':' || *path == '$' || *path == ';')
            return 0;
    return 1;
}

static int others_can_reach(const char *path)
{
    char part[PROBE_PATH_MAX];
    struct stat found;
    for (size_t i = 1; path[i - 1]; i++) {
        if (path[i] && path[i] != '/')
            continue;
        bytes_copy(part, path, i);
        part[i] = 0;
        if (kernel_stat_at(PROBE_AT_FDCWD, part, &found, 0) < 0 || !(found.st_mode & S_IXOTH))
            return 0;
    }
    return 1;
}

static int usable(const char *folder)
{
    struct statfs mounted;
    if (!loader_can_name(folder) || KERNEL(statfs, folder, &mounted, 0, 0) < 0 || mounted.f_flags & MOUNTED_NOEXEC)
        return 0;
    return KERNEL(geteuid, 0, 0, 0, 0) != 0 || others_can_reach(folder);
}

static long write_library(const char *path, size_t size)
{
    char aside[PROBE_PATH_MAX], *end = aside + sizeof aside;
    char *at = text_append(text_append(aside, end, path), end, ".");
    text_append_number(at, end, (uint64_t)kernel_pid());
    int file = kernel_open(PROBE_AT_FDCWD, aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (file < 0)
        return file;
    long result = 0;
    for (size_t done = 0; done < size && result >= 0; done += (size_t)result) {
        result = KERNEL(write, file, launch_library + done, size - done, 0);
        if (result == 0)
            result = -ENOSPC;
    }
    kernel_close(file);
    if (result >= 0)
        result = KERNEL(renameat, PROBE_AT_FDCWD, aside, PROBE_AT_FDCWD, path);
    if (result < 0)
        KERNEL(unlinkat, PROBE_AT_FDCWD, aside, 0, 0);
    return result < 0 ? result : 0;
}

/* Into folder/lib; leaves the path in recording->library. */
static long unpack_into(struct recording *recording, const char *folder)
{
    size_t size = (size_t)(launch_library_end - launch_library);
    char *path = recording->library, *end = path + sizeof recording->library;
    struct stat found;
    char *at = text_append(text_append(path, end, folder), end, "/lib");
    long failed = make_folder(path, 0755);
    if (failed < 0)
        return failed;
    if (!usable(path))
        return -EACCES;
    at = text_append(at, end, "/libprobe-");
    append_hash(at, end, hash_of(launch_library, size));
    text_append(at + 16, end, ".so");
    if (at + 20 >= end)
        return -ENAMETOOLONG;
    if (kernel_stat_at(PROBE_AT_FDCWD, path, &found, 0) == 0 && (size_t)found.st_size == size)
        return 0;
    return write_library(path, size);
}

long library_unpack(struct recording *recording)
{
    char place[PROBE_PATH_MAX];
    long failed = unpack_into(recording, recording->spool);
    if (failed < 0 && own_place_below_tmp(place) == 0)
        failed = unpack_into(recording, place);
    return failed;
}
