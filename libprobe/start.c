#include "start.h"

#include <elf.h>
#include <sys/mman.h>

#include "descriptor.h"
#include "environ.h"
#include "inside.h"
#include "lookup.h"
#include "note.h"
#include "watch/watch.h"

#define STACK_MOST (1l << 27) /* in words */
#define ARGUMENTS_MOST (128u << 10)

extern char **environ __attribute__((weak));

static struct {
    char **environment;  /* of a program without libc */
    char **arguments;
    int count;
    const char *program; /* AT_EXECFN */
    uint32_t user;       /* AT_UID */
    uint32_t used;       /* of texts */
    char texts[384];     /* as a rule enough */
} birth PROBE_AT_START;

static int off(void)
{
    __atomic_store_n(&process.state, STATE_OFF, __ATOMIC_RELEASE);
    return 0;
}

/*
 * The arguments stand right before the environment on the stack, their count before them:
 * found without the constructor's arguments, which musl does not give.
 */
static void find_arguments(char **environment)
{
    long *at = (long *)(void *)environment;
    birth.count = 0;
    if (at < (long *)(void *)&at || at - (long *)(void *)&at > STACK_MOST || at[-1] != 0)
        return; /* it has been moved already: not on the stack */
    for (long i = 0; i < 1 << 22; i++)
        if (at[-2 - i] == i) {
            birth.count = (int)i;
            birth.arguments = environment - 1 - i;
            return;
        } else if (((char **)(void *)at)[-2 - i] == NULL) {
            return;
        }
}

/* The auxiliary vector follows the environment, as long as that is the one the kernel made. */
static void read_auxiliary(char **environment)
{
    while (*environment)
        environment++;
    const Elf64_auxv_t *entry = (const Elf64_auxv_t *)(void *)(environment + 1);
    for (; entry->a_type != AT_NULL; entry++)
        if (entry->a_type == AT_EXECFN)
            birth.program = (const char *)entry->a_un.a_val;
        else if (entry->a_type == AT_UID)
            birth.user = (uint32_t)entry->a_un.a_val;
        else if (entry->a_type == AT_SYSINFO_EHDR)
            process.vdso = entry->a_un.a_val;
}

/* A copy that the program cannot overwrite. Empty when there is no room. */
static const char *keep(const char *text, size_t most)
{
    size_t length = path_length(text);
    if (length > most)
        length = most;
    char *at = birth.texts + birth.used;
    if (length < sizeof birth.texts - birth.used)
        birth.used += (uint32_t)length + 1;
    else
        at = kernel_map(length + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!at)
        return "";
    put_text(at, text, length);
    return at;
}

/* 0 when this program is not to be recorded. */
static int read_environment(char **environment)
{
    process.folder = process.step = process.preload = process.container = "";
    for (char **at = environment; *at; at++)
        if ((*at)[0] == 'P' && !*process.folder && text_begins(*at, "PROBE_RUN="))
            process.folder = keep(*at + 10, PROBE_PATH_MAX);
        else if ((*at)[0] == 'P' && !*process.step && text_begins(*at, "PROBE_STEP="))
            process.step = keep(*at + 11, PROBE_STEP_MAX);
        else if ((*at)[0] == 'P' && !*process.container && text_begins(*at, "PROBE_CONTAINER="))
            process.container = keep(*at + 16, INSIDE_TOKEN_MOST);
    return process.folder[0] == '/' && path_length(process.folder) < PROBE_PATH_MAX - 128;
}

/* Where the loader's tables cannot be found (a program without libc): by the variable that brought us here. */
static void name_by_variable(char **environment)
{
    while (*environment && !text_begins(*environment, "LD_PRELOAD="))
        environment++;
    const char *begin = *environment ? *environment + 11 : "";
    for (const char *at = begin; *at; at++) {
        if (*at == ':' || *at == ' ')
            begin = at + 1;
        if (!text_begins(at, "/libprobe"))
            continue;
        size_t size = 0;
        while (begin[size] && begin[size] != ':' && begin[size] != ' ')
            size++;
        process.preload = keep(begin, size);
        return;
    }
}

static void name_ourselves(char **environment)
{
    struct link_map *map = lookup_ours();
    if (map && map->l_name)
        process.preload = keep(map->l_name, PROBE_PATH_MAX);
    else
        name_by_variable(environment);
}

static int begin(char **environment)
{
    process.this_exec = &process.unarmed;
    lookup_open();
    if (!environment || !read_environment(environment))
        return off();
    process.environment = environment;
    process.code = -1;
    name_ourselves(environment);
    find_arguments(environment);
    if (birth.arguments)
        read_auxiliary(environment);
    if (!process.preload[0] || log_open() != 0)
        return off();
    watch_hello(process.folder); /* who watches this process need not write what we write */
    if (!process.vdso) { /* an emulator, see log_arm */
        process.ask_pid = 1;
        log_arm();
    }
    process.environ_id = environ_hash(environment);
    log_announce();
    __atomic_store_n(&process.state, STATE_ON, __ATOMIC_RELEASE);
    return 1;
}

int start(void)
{
    int fresh = STATE_NEW;
    if (!__atomic_compare_exchange_n(&process.state, &fresh, STATE_STARTING, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh == STATE_ON;
    return begin(&environ ? environ : birth.environment);
}

/* glibc's loader gives these to every constructor, also where the program has no libc; musl's is the libc. */
__attribute__((constructor)) static void construct(int count, char **arguments, char **environment)
{
    (void)count;
    (void)arguments;
    if (!&environ)
        birth.environment = environment;
    (void)recording();
}

static int is_object(const struct link_map *map)
{
    return map->l_name && map->l_name[0] && map != lookup_ours() &&
           (map->l_name[0] == '/' || !text_begins(map->l_name, "linux-vdso"));
}

static struct link_map *libraries(void)
{
    struct link_map *program = lookup_objects();
    return program ? program->l_next : NULL;
}

static size_t hash_libraries(uint32_t *count)
{
    uint64_t id = PROBE_LIBRARIES;
    size_t size = sizeof(struct probe_set);
    *count = 0;
    for (struct link_map *map = libraries(); map; map = map->l_next)
        if (is_object(map)) {
            size_t length = path_length(map->l_name);
            id = hash_bytes(id, map->l_name, length);
            size += length + 1;
            ++*count;
        }
    process.libraries_id = id ? id : 1;
    return size;
}

/* The loader's list: once per distinct one in a segment. */
static void note_libraries(size_t size, uint32_t count)
{
    if (log_seen(process.libraries_id))
        return;
    struct probe_set *set = log_claim(PROBE_LIBRARIES, size, NULL);
    if (!set)
        return;
    set->id = process.libraries_id;
    set->count = count;
    char *to = (char *)(set + 1);
    for (struct link_map *map = libraries(); map; map = map->l_next)
        if (is_object(map))
            to = put_text(to, map->l_name, path_length(map->l_name));
    log_commit(set);
    log_mark(process.libraries_id);
}

static size_t arguments_size(uint32_t *count, uint16_t *detail)
{
    size_t size = 0;
    *count = 0;
    for (int i = 0; i < birth.count; i++) {
        size_t length = path_length(birth.arguments[i]) + 1;
        if (size + length > ARGUMENTS_MOST) {
            *detail |= PROBE_CUT;
            break;
        }
        size += length;
        ++*count;
    }
    return size;
}

static void note_start(uint64_t parent)
{
    char directory[PROBE_PATH_MAX];
    const char *program = !parent && birth.program ? birth.program : "";
    uint32_t count = 0;
    uint16_t detail = 0;
    long got = kernel_directory(directory, sizeof directory);
    size_t place = got > 1 ? (size_t)got - 1 : 0, length = path_length(program);
    size_t arguments = parent ? 0 : arguments_size(&count, &detail);
    struct probe_start *note =
        log_claim(parent ? PROBE_FORKED : PROBE_START, sizeof *note + length + place + 2 + arguments, NULL);
    if (!note)
        return;
    note->frame.detail = detail;
    note->pid = own->pid;
    note->parent = (uint32_t)kernel_parent();
    note->parent_exec = parent;
    note->environ = process.environ_id;
    note->libraries = process.libraries_id;
    note->arguments = count;
    note->uid = parent || !birth.arguments ? (uint32_t)KERNEL(getuid, 0, 0, 0, 0) : birth.user;
    char *to = put_text(put_text((char *)(note + 1), program, length), directory, place);
    for (uint32_t i = 0; i < count; i++)
        to = put_text(to, birth.arguments[i], path_length(birth.arguments[i]));
    log_commit(note);
}

void start_announce(uint64_t parent)
{
    if (parent) { /* its descriptors follow with its first access, see note.c */
        note_start(parent);
        return;
    }
    uint32_t count;
    size_t size = hash_libraries(&count);
    own->described = 1;
    note_start(0);
    note_libraries(size, count);
    environ_note(process.environ_id, process.environment);
    if (process.step[0])
        note_text(PROBE_STEP, process.step);
    if (unlikely(process.container[0]))
        inside_note();
    descriptors_note(0, 63);
}
