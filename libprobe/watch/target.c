/*
 * The processes behind a listener. A notification names a thread; which process that belongs
 * to is asked once and remembered, and asked again when the thread was silent for a second,
 * since the kernel may have given its number to another one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "../launch.h"
#include "worker.h"

#define BUCKETS 4096
#define CHAINED 8
#define DOUBT 1000000000 /* ns */

struct known_thread {
    int thread;
    int64_t seen;
    struct target *target;
};

static struct known_thread table[BUCKETS + CHAINED];
static struct target *free_targets, *first_ended, **last_ended = &first_ended;

/* Which of two places to take: a free one, else the thread silent for longest, but a process's first one last. */
static int gives_way(const struct known_thread *a, const struct known_thread *b)
{
    if (!a->target || !b->target)
        return !a->target && b->target;
    int first_a = a->thread == a->target->pid, first_b = b->thread == b->target->pid;
    return first_a != first_b ? first_b : a->seen < b->seen;
}

static struct known_thread *place_of(int thread, int wanted)
{
    struct known_thread *at = &table[(unsigned)thread % BUCKETS], *place = at;
    for (int i = 0; i < CHAINED; i++) {
        if (at[i].target && at[i].thread == thread)
            return &at[i];
        if (gives_way(&at[i], place))
            place = &at[i];
    }
    return wanted ? place : NULL;
}

static void remember(int thread, struct target *target, int64_t now)
{
    struct known_thread *at = place_of(thread, 1);
    *at = (struct known_thread){.thread = thread, .seen = now, .target = target};
}

static struct target *new_target(void)
{
    struct target *target = free_targets;
    if (target) {
        free_targets = target->next;
        bytes_clear(target, sizeof *target);
        return target;
    }
    return kernel_map(sizeof *target, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

struct target *target_known(int pid)
{
    for (int i = 0; i < BUCKETS + CHAINED; i++)
        if (table[i].target && table[i].target->pid == pid)
            return table[i].target;
    return NULL;
}

/* `parent` NULL: the one that handed the listener over. A child goes on as its parent's program did. */
struct target *target_add(int pid, struct target *parent)
{
    struct target *target = new_target();
    if (!target)
        return NULL;
    target->pid = pid;
    target->started = process_started(pid);
    target->state = TARGET_MUTED;
    if (parent) {
        target->state = parent->records ? TARGET_RECORDED : TARGET_MUTED;
        target->records = parent->records;
        target->parent_pid = parent->pid;
        target->parent_exec = parent->writer.exec ? parent->writer.exec : parent->parent_exec;
        bytes_copy(target->image, parent->image, sizeof target->image);
        target->image_known = parent->image_known;
    } else {
        image_remember(target);
    }
    remember(pid, target, log_now());
    return target;
}

static void forget_threads(const struct target *target)
{
    for (int i = 0; i < BUCKETS + CHAINED; i++)
        if (table[i].target == target)
            table[i].target = NULL, table[i].thread = 0;
}

static void give_back(struct target *target)
{
    forget_threads(target);
    target->next = free_targets;
    free_targets = target;
}

/* Its other threads may still be on their way to the end: it is known for a while as one that ended. */
void target_end(struct target *target, int64_t now)
{
    target->state = TARGET_ENDED;
    target->moved = now;
    target->next = NULL;
    *last_ended = target;
    last_ended = &target->next;
    while (first_ended != target && now - first_ended->moved > DOUBT) {
        struct target *old = first_ended;
        first_ended = old->next;
        give_back(old);
    }
}

static int number_behind(const char *text, const char *name)
{
    int number = 0;
    for (; *text; text++)
        if (*text == '\n' && text_begins(text + 1, name)) {
            for (text += 1 + text_length(name); *text == ' ' || *text == '\t'; text++)
                ;
            for (; *text >= '0' && *text <= '9'; text++)
                number = number * 10 + (*text - '0');
            break;
        }
    return number;
}

static int has_preload(int pid)
{
    static char maps[256u << 10];
    if (proc_read(pid, "/maps", maps, sizeof maps) > 0)
        for (const char *at = maps; *at; at++)
            if (*at == '/' && text_begins(at, "/libprobe"))
                return 1;
    return 0;
}

/* A thread not seen before: of a process that is known, or of a new child. */
static struct target *find(int thread, int64_t now)
{
    char status[2048];
    if (proc_read(thread, "/status", status, sizeof status) <= 0)
        return NULL;
    int pid = number_behind(status, "Tgid:");
    struct target *target = target_known(pid);
    if (target && target->started != process_started(pid)) { /* that one was killed */
        if (target->state != TARGET_ENDED)
            give_back(target);
        else
            forget_threads(target);
        target = NULL;
    }
    if (!target) {
        struct target *parent = target_known(number_behind(status, "PPid:"));
        target = target_add(pid, parent);
        if (target && !parent && !has_preload(pid)) { /* its parent is gone, and nobody told of it */
            target->state = TARGET_RECORDED;
            target->records = 1;
        }
    }
    if (target && thread != pid)
        remember(thread, target, now);
    return target;
}

struct target *target_of(int thread, int64_t now)
{
    struct known_thread *known = place_of(thread, 0);
    if (known && known->target && now - known->seen < DOUBT) {
        known->seen = now;
        return known->target;
    }
    if (known) {
        struct target *target = known->target;
        if (target && thread == target->pid && target->started == process_started(thread)) {
            known->seen = now;
            return target;
        }
        if (target && thread != target->pid)
            known->target = NULL, known->thread = 0;
    }
    return find(thread, now);
}

/* Children that have not been heard of yet, when their parent ends: later nobody could tell whose they are. */
static void adopt_of_thread(struct target *target, int thread)
{
    char rest[64], text[4096];
    char *at = text_append(rest, rest + sizeof rest, "/task/");
    text_append(text_append_number(at, rest + sizeof rest, (uint64_t)thread), rest + sizeof rest, "/children");
    if (proc_read(target->pid, rest, text, sizeof text) <= 0)
        return;
    for (const char *digit = text; *digit; digit++) {
        int pid = 0;
        for (; *digit >= '0' && *digit <= '9'; digit++)
            pid = pid * 10 + (*digit - '0');
        if (pid && !target_known(pid))
            target_add(pid, target);
        if (!*digit)
            break;
    }
}

struct listed { /* struct linux_dirent64 */
    uint64_t inode;
    int64_t offset;
    uint16_t size;
    uint8_t type;
    char name[];
};

void target_adopt_children(struct target *target)
{
    char name[64], listing[4096];
    if (!target->forks)
        return;
    int folder = kernel_open(PROBE_AT_FDCWD, proc_path(name, target->pid, "/task"), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    for (long got; folder >= 0 && (got = KERNEL(getdents64, folder, listing, sizeof listing, 0)) > 0;)
        for (long at = 0; at < got;) {
            const struct listed *entry = (const struct listed *)(const void *)(listing + at);
            int thread = 0;
            for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
                thread = thread * 10 + (*digit - '0');
            if (thread)
                adopt_of_thread(target, thread);
            at += entry->size;
        }
    if (folder >= 0)
        kernel_close(folder);
}

/* A fork child becomes an exec of its own with its first access. */
static void note_forked(struct target *target)
{
    char directory[PROBE_PATH_MAX];
    long length = proc_link(target->pid, "/cwd", directory);
    frames_begin(&target->writer, target->pid);
    struct probe_start *note = log_claim(PROBE_FORKED, sizeof *note + (size_t)(length > 0 ? length : 0) + 2, NULL);
    if (!note)
        return;
    note->pid = (uint32_t)target->pid;
    note->parent = (uint32_t)target->parent_pid;
    note->parent_exec = target->parent_exec;
    put_text((char *)(note + 1), "", 0);
    put_text((char *)(note + 1) + 1, directory, (size_t)(length > 0 ? length : 0));
    log_commit(note);
}

void target_announce(struct target *target)
{
    if (target->writer.exec)
        frames_for(&target->writer);
    else
        note_forked(target);
}
