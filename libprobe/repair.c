/*
 * Environment repair: LD_PRELOAD names us, PROBE_RUN and PROBE_STEP are there.
 * Foreign preloads keep their order and stand first; an environment that is already
 * right is passed on as it is. Nothing is allocated: the memory is the caller's
 * frame, or a mapping where the environment is huge.
 */
#include "repair.h"

#include <sys/mman.h>

#include "environ.h"

static int is_separator(char byte) { return byte == ':' || byte == ' '; }

static int is_us(const char *name, size_t size)
{
    if (size == path_length(process.preload) && bytes_equal(name, process.preload, size))
        return 1;
    size_t base = size;
    while (base && name[base - 1] != '/')
        base--;
    return size - base >= 11 && bytes_equal(name + base, "libprobe", 8) && bytes_equal(name + size - 3, ".so", 3);
}

static size_t element(const char *value)
{
    size_t size = 0;
    while (value[size] && !is_separator(value[size]))
        size++;
    return size;
}

int preload_without_us(const char *value, char *to, const char *end)
{
    int left = 0;
    while (*value) {
        size_t size = element(value);
        if (size && !is_us(value, size)) {
            if (left)
                to = text_append(to, end, ":");
            if ((size_t)(end - to) > size)
                to = put_text(to, value, size) - 1;
            left = 1;
        }
        value += size + !!value[size];
    }
    return left;
}

static int names_us(const char *value)
{
    while (*value) {
        size_t size = element(value);
        if (size && is_us(value, size))
            return 1;
        value += size + !!value[size];
    }
    return 0;
}

#define ASAN_OPTION "verify_asan_link_order=0"

static int has_option(const char *value)
{
    for (; *value; value++)
        if (text_begins(value, ASAN_OPTION))
            return 1;
    return 0;
}

static int exists(const char *path, size_t size)
{
    char name[PROBE_PATH_MAX];
    struct stat found;
    if (size >= sizeof name)
        return 0;
    put_text(name, path, size);
    return kernel_stat_at(PROBE_AT_FDCWD, name, &found, 0) == 0;
}

/* After the root or the mounts were changed: whether what the environment names (or will name) is there. */
static __attribute__((noinline)) int within_reach(const char *preload, const char *run)
{
    size_t size = 0;
    for (; *preload; preload += size + !!preload[size]) {
        size = element(preload);
        if (size && is_us(preload, size))
            break;
    }
    if (!*preload)
        size = path_length(preload = process.preload);
    if (!run)
        run = process.folder;
    return exists(preload, size) && exists(run, path_length(run));
}

/* The environment as it would be without us. */
static char **build_left(struct repair *repair, char **entries, char *text)
{
    size_t count = 0;
    for (char *const *at = repair->old; *at; at++) {
        int is_preload = at - repair->old == repair->preload;
        if (!repair->unloadable && (text_begins(*at, "PROBE_RUN=") || text_begins(*at, "PROBE_STEP=") || text_begins(*at, "PROBE_CONTAINER=")))
            continue;
        if (!is_preload)
            entries[count++] = *at;
        else if (preload_without_us(*at + 11, text_append(text, (char *)entries + repair->size, "LD_PRELOAD="),
                                    (char *)entries + repair->size))
            entries[count++] = text;
    }
    entries[count] = NULL;
    return entries;
}

size_t repair_plan(struct repair *repair, char *const *environment, int preload)
{
    static char *const none[] = {NULL};
    int run = 0, same_run = 0, step = 0, container = 0;
    const char *folder = NULL;
    *repair = (struct repair){.old = environment ? environment : none, .preload = -1, .asan = -1};
    for (char *const *at = repair->old; *at; at++, repair->count++) {
        const char *entry = *at;
        if (entry[0] == 'L' && text_begins(entry, "LD_PRELOAD="))
            repair->preload = (long)repair->count;
        else if (entry[0] == 'A' && text_begins(entry, "ASAN_OPTIONS="))
            repair->asan = (long)repair->count;
        else if (entry[0] == 'P' && text_begins(entry, "PROBE_RUN="))
            run = 1, same_run = text_equal(entry + 10, process.folder), folder = entry + 10;
        else if (entry[0] == 'P' && text_begins(entry, "PROBE_STEP="))
            step = 1;
        else if (entry[0] == 'P' && text_begins(entry, "PROBE_CONTAINER="))
            container = 1;
    }
    const char *old_preload = repair->preload < 0 ? "" : repair->old[repair->preload] + 11;
    const char *old_asan = repair->asan < 0 ? "" : repair->old[repair->asan] + 13;
    repair->add_preload = !names_us(old_preload);
    repair->add_run = !run;
    repair->add_step = !step && (!run || same_run) && process.step[0]; /* another run's steps are its own */
    repair->add_container = !container && (!run || same_run) && process.container[0];
    repair->add_asan = preload & PRELOAD_ASAN && !has_option(old_asan);
    repair->unloadable = preload & PRELOAD_NOT;
    repair->leave = (repair->unloadable && names_us(old_preload)) ||
                    (unlikely(process.elsewhere) && !within_reach(old_preload, folder));
    if (repair->unloadable && !repair->leave)
        return 0;
    if (!repair->leave && !repair->add_preload && !repair->add_run && !repair->add_step && !repair->add_container && !repair->add_asan)
        return 0;
    repair->size = (repair->count + 6) * sizeof(char *) + 64 + 11 + path_length(old_preload) +
                   path_length(process.preload) + 10 + path_length(process.folder) + 11 +
                   path_length(process.step) + 17 + path_length(process.container) + 13 + path_length(old_asan) + sizeof ASAN_OPTION;
    return repair->size;
}

/* Puts "name old separator new" as an entry at index, or as a further one. */
static char *put_entry(char **slot, char *text, const char *end, const char *name, const char *old, const char *add)
{
    *slot = text;
    text = text_append(text, end, name);
    text = text_append(text, end, old);
    if (*old && *add)
        text = text_append(text, end, ":");
    return text_append(text, end, add) + 1;
}

char **repair_build(struct repair *repair, void *at)
{
    if (!at)
        at = repair->mapped = kernel_map(repair->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!at)
        return (char **)(uintptr_t)repair->old;
    char **entries = at, *text = (char *)(entries + repair->count + 6), *end = (char *)at + repair->size;
    size_t count = repair->count;
    if (repair->leave)
        return build_left(repair, entries, text);
    for (size_t i = 0; i < count; i++)
        entries[i] = repair->old[i];
    if (repair->add_preload) {
        long index = repair->preload < 0 ? (long)count++ : repair->preload;
        const char *old = repair->preload < 0 ? "" : repair->old[index] + 11;
        text = put_entry(&entries[index], text, end, "LD_PRELOAD=", old, process.preload);
    }
    if (repair->add_asan) {
        long index = repair->asan < 0 ? (long)count++ : repair->asan;
        const char *old = repair->asan < 0 ? "" : repair->old[index] + 13;
        text = put_entry(&entries[index], text, end, "ASAN_OPTIONS=", old, ASAN_OPTION);
    }
    if (repair->add_run)
        text = put_entry(&entries[count++], text, end, "PROBE_RUN=", process.folder, "");
    if (repair->add_step)
        text = put_entry(&entries[count++], text, end, "PROBE_STEP=", process.step, "");
    if (repair->add_container)
        text = put_entry(&entries[count++], text, end, "PROBE_CONTAINER=", process.container, "");
    entries[count] = NULL;
    return entries;
}

void repair_end(struct repair *repair)
{
    if (repair->mapped)
        kernel_unmap(repair->mapped, repair->size);
}
