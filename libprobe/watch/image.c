/*
 * Programs: whether an execve happened, what runs now, and who records it. The kernel gives
 * every program 16 random bytes (AT_RANDOM): as long as these are the same, so is the program.
 */
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "../environ.h"
#include "../launch.h"
#include "worker.h"

#define TEXT_MOST (1u << 20)
#define ENTRIES_MOST (1u << 15)
#define ARGUMENTS_MOST (128u << 10)

struct birth {
    uint64_t random, program, loader, secure;
    int narrow; /* 32-bit */
};

static void take(struct birth *birth, uint64_t type, uint64_t value)
{
    switch (type) {
    case AT_RANDOM: birth->random = value; break;
    case AT_EXECFN: birth->program = value; break;
    case AT_BASE: birth->loader = value; break;
    case AT_SECURE: birth->secure = value; break;
    default: break;
    }
}

static int read_birth(int pid, struct birth *birth)
{
    union {
        Elf64_auxv_t wide[64];
        Elf32_auxv_t narrow[128];
        char bytes[1024];
    } entries;
    long got = proc_read(pid, "/auxv", entries.bytes, sizeof entries);
    *birth = (struct birth){0};
    for (long i = 0; i < got / (long)sizeof *entries.wide && entries.wide[i].a_type != AT_NULL; i++)
        take(birth, entries.wide[i].a_type, entries.wide[i].a_un.a_val);
    birth->narrow = !birth->random;
    for (long i = 0; birth->narrow && i < got / (long)sizeof *entries.narrow && entries.narrow[i].a_type != AT_NULL; i++)
        take(birth, entries.narrow[i].a_type, entries.narrow[i].a_un.a_val);
    return birth->random != 0;
}

static int read_image(int pid, struct birth *birth, char image[WATCH_RANDOM])
{
    return read_birth(pid, birth) && memory_read(pid, birth->random, image, WATCH_RANDOM) == WATCH_RANDOM;
}

void image_remember(struct target *target)
{
    struct birth birth;
    target->image_known = read_image(target->pid, &birth, target->image);
}

/* The texts of the environment or the arguments, in memory that is reused. */
struct texts {
    char *bytes;
    long size;
    size_t count;
};

static struct texts read_texts(int pid, const char *rest, char **memory)
{
    if (!*memory)
        *memory = kernel_map(TEXT_MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    struct texts texts = {*memory, *memory ? proc_read(pid, rest, *memory, TEXT_MOST) : 0, 0};
    for (long i = 0; i < texts.size; i++)
        texts.count += !texts.bytes[i];
    return texts;
}

static const char *value_of(char *const *environment, const char *name)
{
    for (; *environment; environment++)
        if (text_begins(*environment, name))
            return *environment + text_length(name);
    return NULL;
}

static char **read_environment(int pid)
{
    static char *memory, **entries;
    struct texts texts = read_texts(pid, "/environ", &memory);
    if (!entries)
        entries = kernel_map(ENTRIES_MOST * sizeof *entries, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!entries)
        return NULL;
    size_t count = 0;
    for (char *at = texts.bytes; texts.size > 0 && at < texts.bytes + texts.size && count + 1 < ENTRIES_MOST;
         at += text_length(at) + 1)
        entries[count++] = at;
    entries[count] = NULL;
    return entries;
}

/* Whether libprobe is about to be loaded, and will write to this very run. */
static int preload_comes(const struct birth *birth, char *const *environment)
{
    const char *preload = value_of(environment, "LD_PRELOAD="), *run = value_of(environment, "PROBE_RUN=");
    if (!birth->loader || birth->narrow || birth->secure || !preload || !run || !text_equal(run, frames_folder()))
        return 0;
    for (; *preload; preload++)
        if (text_begins(preload, "/libprobe"))
            return 1;
    return 0;
}

static void note_descriptor(int pid, int number)
{
    char rest[48], name[64], path[PROBE_PATH_MAX], info[512];
    struct stat status;
    text_append_number(text_append(rest, rest + sizeof rest, "/fd/"), rest + sizeof rest, (uint64_t)number);
    if (kernel_stat_at(PROBE_AT_FDCWD, proc_path(name, pid, rest), &status, 0) != 0 || S_ISCHR(status.st_mode))
        return;
    long length = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? proc_link(pid, rest, path) : 0;
    struct probe_identity *note = log_claim(PROBE_DESCRIPTOR, sizeof *note + (size_t)(length > 0 ? length : 0) + 1, NULL);
    if (!note)
        return;
    text_append_number(text_append(rest, rest + sizeof rest, "/fdinfo/"), rest + sizeof rest, (uint64_t)number);
    if (proc_read(pid, rest, info, sizeof info) > 0 && text_begins(info, "pos:\t")) {
        const char *at = info + 5;
        for (; *at >= '0' && *at <= '9'; at++)
            note->position = note->position * 10 + (*at - '0');
        for (at += text_begins(at, "\nflags:\t") ? 8 : 0; *at >= '0' && *at <= '7'; at++)
            note->flags = note->flags * 8 + (uint32_t)(*at - '0');
    }
    note->descriptor = number;
    file_fill(note, &status);
    put_text((char *)(note + 1), path, (size_t)(length > 0 ? length : 0));
    log_commit(note);
}

static void note_start(struct target *target, const struct birth *birth, uint64_t environ_id)
{
    static char *memory;
    char program[PROBE_PATH_MAX], directory[PROBE_PATH_MAX];
    struct stat owner;
    char name[64];
    struct texts arguments = read_texts(target->pid, "/cmdline", &memory);
    if (!birth->program || !memory_text(target->pid, birth->program, program))
        proc_link(target->pid, "/exe", program);
    long place = proc_link(target->pid, "/cwd", directory);
    size_t size = arguments.size > 0 ? (size_t)arguments.size : 0;
    int is_cut = size > ARGUMENTS_MOST;
    for (; is_cut && (size > ARGUMENTS_MOST || (size && arguments.bytes[size - 1])); size--)
        arguments.count -= !arguments.bytes[size - 1];
    size_t length = text_length(program);
    struct probe_start *note =
        log_claim(PROBE_START, sizeof *note + length + (size_t)(place > 0 ? place : 0) + 2 + size, NULL);
    if (!note)
        return;
    note->frame.detail = is_cut ? PROBE_CUT : 0;
    note->pid = (uint32_t)target->pid;
    note->parent = (uint32_t)target->parent_pid;
    note->environ = environ_id;
    note->arguments = (uint32_t)arguments.count;
    if (kernel_stat_at(PROBE_AT_FDCWD, proc_path(name, target->pid, ""), &owner, 0) == 0)
        note->uid = owner.st_uid;
    char *to = put_text((char *)(note + 1), program, length);
    to = put_text(to, directory, (size_t)(place > 0 ? place : 0));
    bytes_copy(to, arguments.bytes, size);
    log_commit(note);
}

static int parent_of(int pid)
{
    char text[1024];
    int number = 0, spaces = 0;
    if (proc_read(pid, "/stat", text, sizeof text) <= 0)
        return 0;
    const char *field = text;
    for (const char *at = text; *at; at++)
        if (*at == ')')
            field = at + 1;
    for (; *field && spaces < 2; field++)
        spaces += *field == ' ';
    for (; *field >= '0' && *field <= '9'; field++)
        number = number * 10 + (*field - '0');
    return number;
}

/* Another root than ours: its names are other files. */
static void note_other_root(struct target *target)
{
    char name[64];
    struct stat theirs, ours;
    if (kernel_stat_at(PROBE_AT_FDCWD, proc_path(name, target->pid, "/root/."), &theirs, 0) == 0 &&
        kernel_stat_at(PROBE_AT_FDCWD, "/", &ours, 0) == 0 &&
        (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev))
        frame_gap(PROBE_ROOT_CHANGED, target->pid, "");
}

static void begin_program(struct target *target, const struct birth *birth)
{
    char **environment = read_environment(target->pid);
    target->writer = (struct writer){0};
    target->directory[0] = 0;
    target->unsettled = NULL;
    target->forks = 0;
    target->said = 0;
    bytes_clear(target->folds, sizeof target->folds);
    if (environment && preload_comes(birth, environment)) {
        target->state = TARGET_EXPECTED;
        target->records = 0;
        return;
    }
    target->state = TARGET_RECORDED;
    target->records = 1;
    target->parent_pid = parent_of(target->pid);
    frames_begin(&target->writer, target->pid);
    uint64_t environ_id = environment ? environ_hash(environment) : 0;
    note_start(target, birth, environ_id);
    if (environment)
        environ_note(environ_id, environment);
    const char *step = environment ? value_of(environment, "PROBE_STEP=") : NULL;
    if (step && *step && text_length(step) < PROBE_STEP_MAX)
        frame_text(PROBE_STEP, step);
    for (int i = 0; i < 10 && !files_served(); i++)
        note_descriptor(target->pid, i);
    if (!files_served())
        note_other_root(target);
}

static void exec_failed(struct target *target)
{
    const struct probe_exec *begun = target->exec;
    if (!begun || target->state != TARGET_RECORDED)
        return;
    const char *path = (const char *)(begun + 1);
    target_announce(target);
    struct probe_exec *note = log_claim(PROBE_EXEC_FAILED, sizeof *note + text_length(path) + 2, NULL);
    if (!note)
        return;
    note->frame.error = 13; /* EACCES: which one, only the program knows */
    note->frame.detail = PROBE_ATTEMPTED;
    note->pid = (uint32_t)target->pid;
    put_text(put_text((char *)(note + 1), path, text_length(path)), "", 0);
    log_commit(note);
}

void image_settle(const struct notice *notice)
{
    struct target *target = notice->target;
    struct birth birth;
    char image[WATCH_RANDOM];
    int known = read_image(target->pid, &birth, image);
    if (known && target->image_known && bytes_equal(image, target->image, sizeof image)) {
        if (notice->thread != target->exec_pending)
            return; /* another thread, while that one is still on its way */
        target->exec_pending = 0;
        exec_failed(target);
        target->exec = NULL;
        return;
    }
    if (target->state == TARGET_RECORDED && target->writer.exec) {
        frames_for(&target->writer);
        file_close_all(target);
    }
    target->exec = NULL;
    target->exec_pending = 0;
    target->written_count = 0;
    target->image_known = known;
    bytes_copy(target->image, image, sizeof image);
    begin_program(target, &birth);
}
