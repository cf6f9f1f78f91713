/*
 * Taking a large run in behind the user's back: apart from the terminal and the command's
 * session (and with low priority: behind.py), while the prompt is there again. The launcher locks the run
 * and hands the lock on, so that whoever asks meanwhile waits; when the taker is killed the
 * lock is free, the run is where it was, and the next `probe` command takes it in. What the taker
 * finds (lock, log, session, words) is agreed in behind.py, which starts it too.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "create.h"

#define LARGE (1 << 20) /* bytes of notes; up to here taking in needs some 0.2 s, and the prompt waits */
#define LOCK "3"        /* the descriptor that the taker finds the lock at */
#define PIDS (1 << 22)  /* the kernel's own limit */

struct tally { uint64_t bytes, frames, processes, gaps; };

static uint8_t seen[PIDS / 8];

static int is_new(uint32_t pid)
{
    uint8_t bit = (uint8_t)(1 << pid % 8);
    if (pid >= PIDS || seen[pid / 8] & bit)
        return 0;
    seen[pid / 8] |= bit;
    return 1;
}

static void tally_block(const struct probe_block *block, struct tally *tally)
{
    uint32_t end = block->used < block->size ? block->used : block->size;
    for (uint32_t at = sizeof *block; at + sizeof(struct probe_frame) <= end;) {
        const struct probe_frame *frame = (const void *)((const char *)block + at);
        if (frame->size > -8 || (uint32_t)-frame->size > end - at) /* torn, or the end: what follows is not told */
            return;
        if (frame->kind == PROBE_END)
            return;
        tally->frames++;
        tally->gaps += frame->kind == PROBE_GAP;
        if (frame->kind == PROBE_START || frame->kind == PROBE_FORKED)
            tally->processes += (uint64_t)is_new(block->pid);
        at += (uint32_t)-frame->size;
    }
}

static void tally_blocks(const struct probe_segment *segment, uint64_t end, struct tally *tally)
{
    for (uint64_t at = PROBE_HEADER_SIZE; at + PROBE_BLOCK_UNIT <= end;) {
        const struct probe_block *block = (const void *)((const char *)segment + at);
        int is_one = block->magic == PROBE_BLOCK_MAGIC && block->size >= PROBE_BLOCK_UNIT && block->size <= end - at;
        if (is_one)
            tally_block(block, tally);
        at += is_one ? (block->size + PROBE_BLOCK_UNIT - 1) / PROBE_BLOCK_UNIT * PROBE_BLOCK_UNIT : PROBE_BLOCK_UNIT;
    }
}

/* Maps a segment of this host; NULL when it is not there. */
static const struct probe_segment *segment_of(const char *folder, uint32_t number, uint64_t *size)
{
    char path[PROBE_PATH_MAX];
    struct stat found;
    const struct probe_segment *segment = NULL;
    if (probe_segment_name(path, sizeof path, folder, number) < 0)
        return NULL;
    int file = kernel_open(PROBE_AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return NULL;
    if (kernel_stat_of(file, &found) == 0 && found.st_size >= PROBE_HEADER_SIZE) {
        *size = (uint64_t)found.st_size;
        segment = kernel_map(*size, PROT_READ, MAP_SHARED, file);
    }
    kernel_close(file);
    return segment;
}

/* With `whole`, all that stands in the segments is counted; else only their bytes. Nothing stays mapped: who has a
 * segment mapped keeps the run open. */
static struct tally tally_run(const char *folder, int whole)
{
    struct tally tally = {0};
    uint64_t size;
    uint32_t newest = 0;
    for (uint32_t number = 0; number <= newest; number++) {
        const struct probe_segment *segment = segment_of(folder, number, &size);
        if (!segment)
            continue;
        if (!number)
            newest = segment->newest;
        uint64_t end = segment->next < size ? segment->next : size;
        tally.bytes += end > PROBE_HEADER_SIZE ? end - PROBE_HEADER_SIZE : 0;
        if (whole)
            tally_blocks(segment, end, &tally);
        kernel_unmap((void *)(uintptr_t)segment, size);
    }
    return tally;
}

int is_large(const struct recording *recording) { return tally_run(recording->folder, 0).bytes > LARGE; }

/* 12,345 */
static const char *grouped(uint64_t number)
{
    char plain[24], *text = grab(32), *to = text;
    text_append_number(plain, plain + sizeof plain, number);
    size_t length = text_length(plain);
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = plain[i];
    }
    return text;
}

/* The closing line, from the notes themselves: how many files they are about is known when they are taken in. */
static void say_what_was_noted(const struct request *request, const struct recording *recording)
{
    struct tally tally = tally_run(recording->folder, 1);
    char *name = joined(request->name ? request->name : recording->id, NULL);
    char *run = joined(recording->id, NULL);
    run[8] = 0;
    if (!request->name)
        name = run;
    for (char *letter = name; *letter; letter++)
        if ((unsigned char)*letter < ' ' || *letter == 127)
            *letter = '?';
    const char *line = joined("recorded ", name, ": ", grouped(tally.processes),
                              tally.processes == 1 ? " process, " : " processes, ", grouped(tally.frames), " notes",
                              tally.gaps ? ", " : "", tally.gaps ? grouped(tally.gaps) : "",
                              tally.gaps == 1 ? " gap" : tally.gaps ? " gaps" : "",
                              "; being taken in (`probe show ", run, "` waits for it)\n", NULL);
    KERNEL(write, 2, line, text_length(line), 0);
}

/* Locks the run; -EAGAIN: somebody takes it in already. */
static long lock_of(const struct recording *recording)
{
    int lock = kernel_open(PROBE_AT_FDCWD, joined(recording->folder, "/taking-in", NULL),
                           O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    long failed = lock < 0 ? lock : KERNEL(flock, lock, 2 | 4 /* LOCK_EX | LOCK_NB */, 0, 0);
    if (lock >= 0 && failed < 0)
        kernel_close(lock);
    return failed < 0 ? failed : lock;
}

/* A session of its own, and nothing of the user's open. */
static void stand_apart(const struct recording *recording, long lock)
{
    int log = kernel_open(PROBE_AT_FDCWD, joined(recording->spool, "/taking-in.log", NULL),
                          O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    int nothing = kernel_open(PROBE_AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
    KERNEL(setsid, 0, 0, 0, 0);
    KERNEL(prctl, PR_SET_PDEATHSIG, 0, 0, 0);
    KERNEL(chdir, "/", 0, 0, 0);
    /* Out of the way first: what is to be copied may stand where something is copied to. */
    long from[4] = {nothing, log < 0 ? nothing : log, log < 0 ? nothing : log, lock};
    for (int i = 0; i < 4; i++)
        from[i] = KERNEL(fcntl, from[i], F_DUPFD_CLOEXEC, 10, 0);
    for (int i = 0; i < 4; i++)
        KERNEL(dup3, from[i], i, 0, 0);
}

int take_in_behind(const struct request *request, const struct recording *recording, int say_so)
{
    long lock = lock_of(recording);
    if (lock < 0)
        return lock == -EAGAIN;
    if (say_so)
        say_what_was_noted(request, recording);
    int pid = fork_child();
    if (pid == 0) {
        char **environment = outer_environment(request);
        stand_apart(recording, lock);
        request->then[request->then_count] = "--lock=" LOCK;
        request->then[request->then_count + 1] = (char *)recording->folder;
        execute(request->then, environment, environment);
    }
    kernel_close((int)lock);
    return pid > 0;
}
