/*
 * Below a starter of containers pids and paths may mean something else. Each program there notes
 * the names of its namespaces, and its table of mounts, once for each distinct one.
 */
#include "inside.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "log.h"

#define TABLE_MOST (64u << 10)

static char *append_link(char *at, const char *end, const char *link)
{
    char name[64];
    long size = kernel_link_text(link, name, sizeof name - 1);
    name[size > 0 ? size : 0] = 0;
    at = text_append(at, end, " ");
    return text_append(at, end, size > 0 ? name : "-");
}

static void note_text_of(uint8_t kind, const char *first, size_t first_size, const char *second, size_t second_size)
{
    struct probe_frame *note = log_claim(kind, sizeof *note + first_size + second_size + 1, NULL);
    if (!note)
        return;
    bytes_copy(note + 1, first, first_size);
    put_text((char *)(note + 1) + first_size, second, second_size);
    log_commit(note);
}

/* The table's id, 0 when there is none to be read. */
static uint64_t note_mounts(char *table)
{
    char id[24];
    size_t size = 0;
    long got;
    int file = kernel_open(PROBE_AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return 0;
    while (size < TABLE_MOST && (got = kernel_read(file, table + size, TABLE_MOST - size)) > 0)
        size += (size_t)got;
    kernel_close(file);
    while (size && table[size - 1] != '\n')
        size--;
    uint64_t hash = hash_bytes(PROBE_MOUNTS, table, size);
    if (!size || log_seen(hash))
        return size ? hash : 0;
    char *end = text_append(text_append_number(id, id + sizeof id, hash), id + sizeof id, "\n");
    note_text_of(PROBE_MOUNTS, id, (size_t)(end - id), table, size);
    log_mark(hash);
    return hash;
}

void inside_note(void)
{
    char text[INSIDE_TOKEN_MOST + 200], *end = text + sizeof text;
    char *table = kernel_map(TABLE_MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char *at = text_append(text, end, process.container);
    at = append_link(at, end, "/proc/self/ns/pid");
    at = append_link(at, end, "/proc/self/ns/mnt");
    at = text_append(at, end, " ");
    at = text_append_number(at, end, table ? note_mounts(table) : 0);
    if (table)
        kernel_unmap(table, TABLE_MOST);
    note_text_of(PROBE_INSIDE, text, (size_t)(at - text), "", 0);
}
