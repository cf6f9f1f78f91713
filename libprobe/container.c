/*
 * Which programs start containers, and where on their command lines options may be added.
 * Whatever is not understood for certain is left alone: a wrong guess would break the user's command.
 */
#include "container.h"

#include "container-inside.h"

#define ROOM_MOST (128u << 10) /* it is taken from the stack */

/* Arrays of texts in place, not of pointers: those would be relocated at every start. */
struct starter {
    char name[16];
    uint8_t kind;
};

static const struct starter starters[] = {
    {"podman", CONTAINER_PODMAN}, {"docker", CONTAINER_PODMAN}, {"nerdctl", CONTAINER_PODMAN},
    {"bwrap", CONTAINER_BWRAP}, {"apptainer", CONTAINER_APPTAINER}, {"singularity", CONTAINER_APPTAINER},
    {"ch-run", CONTAINER_CHARLIECLOUD}, {"unshare", CONTAINER_HERE},
};

static int kind_of(const char *path)
{
    const char *name = path;
    for (const char *at = path; *at; at++)
        if (*at == '/')
            name = at + 1;
    for (size_t i = 0; i < sizeof starters / sizeof *starters; i++)
        if (*name == *starters[i].name && text_equal(name, starters[i].name))
            return starters[i].kind;
    return CONTAINER_NONE;
}

static int is_one_of(const char *text, const char (*names)[20], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(text, names[i]))
            return 1;
    return 0;
}

#define IS_ONE_OF(text, names) is_one_of(text, names, sizeof names / sizeof *names)

/* Options before the subcommand that take the next argument. */
static const char engine_values[][20] = {
    "--cgroup-manager", "--conmon", "--events-backend", "--hooks-dir", "--log-level", "-l", "--module", "--namespace",
    "-n", "--root", "--runroot", "--runtime", "--runtime-flag", "--storage-driver", "--storage-opt", "--tmpdir",
    "--volumepath", "--imagestore", "--network-config-dir", "--cni-config-dir", "--network-cmd-path", "--registries-conf",
    "--config", "--tlscacert", "--tlscert", "--tlskey", "--address", "-a", "--snapshotter", "--data-root",
};

/* With these it runs on another machine, where our files are not. */
static const char elsewhere[][20] = {
    "--remote", "-r", "--url", "--connection", "-c", "--context", "-H", "--host", "--identity", "--ssh",
};

/* The index of the first argument that is no option; 0 when that is not certain. */
static size_t first_word(const struct container *container)
{
    size_t at = 1;
    for (; at < container->count && container->arguments[at][0] == '-'; at++) {
        const char *option = container->arguments[at];
        if (IS_ONE_OF(option, elsewhere) || text_begins(option, "--url=") || text_begins(option, "--connection=") ||
            text_begins(option, "--context=") || text_begins(option, "--host=") || text_begins(option, "-H"))
            return 0;
        at += IS_ONE_OF(option, engine_values);
    }
    return at < container->count ? at : 0;
}

static int is_elsewhere(const struct container *container)
{
    const char *docker = container_variable(container, "DOCKER_HOST="), *podman = container_variable(container, "CONTAINER_HOST=");
    return (docker && *docker && !text_begins(docker, "unix:")) || (podman && *podman);
}

/* Of another machine's instructions: our library would only bring a complaint of its loader. */
static int is_foreign(const struct container *container)
{
    for (size_t i = 1; i < container->count; i++)
        if (text_begins(container->arguments[i], "--platform") || text_begins(container->arguments[i], "--arch"))
            return 1;
    return 0;
}

/* What the container's own options say of LD_PRELOAD; container_build joins it with ours. */
static size_t own_preload(const struct container *container)
{
    for (size_t i = container->at; i < container->count; i++) {
        const char *option = container->arguments[i], *before = container->arguments[i - 1];
        if (text_begins(option, "--env=LD_PRELOAD=") || text_begins(option, "-e=LD_PRELOAD=") ||
            text_begins(option, "-eLD_PRELOAD=") ||
            (text_begins(option, "LD_PRELOAD=") && (text_equal(before, "-e") || text_equal(before, "--env"))))
            return i;
    }
    return 0;
}

static int plan_podman(struct container *container)
{
    size_t at = first_word(container);
    if (!at || is_elsewhere(container) || is_foreign(container))
        return 0;
    if (text_equal(container->arguments[at], "container") && at + 1 < container->count)
        at++;
    const char *word = container->arguments[at];
    container->at = at + 1;
    if (text_equal(word, "exec"))
        container->kind = CONTAINER_JOINED;
    else if (!text_equal(word, "run") && !text_equal(word, "create"))
        return 0;
    for (const char *c = container->folder; *c; c++)
        if (*c == ':')
            return 0;
    if (container->kind == CONTAINER_PODMAN && own_preload(container))
        return 0; /* the later one counts: ours would be lost, or the user's */
    text_append(container->place, container->place + sizeof container->place, "/.probe");
    return 1;
}

/* Path, bind and environment are inherited; only the mounts are told, by a variable. */
static int plan_apptainer(struct container *container, const char *path)
{
    static const char starting[][20] = {"exec", "run", "shell", "test", "instance"};
    char real[PROBE_PATH_MAX];
    size_t at = 1;
    while (at < container->count && container->arguments[at][0] == '-')
        at += 1 + (text_equal(container->arguments[at], "-c") || text_equal(container->arguments[at], "--config"));
    if (at >= container->count || !IS_ONE_OF(container->arguments[at], starting))
        return 0;
    for (const char *c = container->folder; *c; c++)
        if (*c == ':' || *c == ',')
            return 0;
    long size = kernel_link_text(path, real, sizeof real - 1);
    real[size > 0 ? size : 0] = 0;
    const char *name = size > 0 ? real : path;
    for (const char *c = name; *c; c++)
        if (*c == '/')
            name = c + 1;
    container->old_prefix = !text_equal(name, "apptainer");
    const char *bind = container_variable(container, container->old_prefix ? "SINGULARITY_BIND=" : "APPTAINER_BIND=");
    for (; bind && *bind; bind++)
        if (text_begins(bind, container->folder))
            return 0; /* a wrapper's own call: done already */
    container->same_names = 1;
    return 1;
}

/* Images for it have folders /mnt/0 … /mnt/9 to mount at; the host's /tmp is there anyway. */
static int plan_charliecloud(struct container *container)
{
    static const char values[][20] = {"-b", "--bind", "-c", "--cd", "-g", "--gid", "-m", "--mount", "-s", "--storage",
                                      "-u", "--uid", "--join-pid", "--join-ct", "--join-tag"};
    char name[PROBE_PATH_MAX], *end = name + sizeof name;
    struct stat found;
    size_t at = 1;
    for (; at < container->count && container->arguments[at][0] == '-'; at++) {
        if (text_equal(container->arguments[at], "--") || text_begins(container->arguments[at], "--join"))
            return 0;
        at += IS_ONE_OF(container->arguments[at], values);
    }
    if (at >= container->count)
        return 0;
    text_append(text_append(name, end, container->arguments[at]), end, "/mnt/8");
    if (kernel_stat_at(PROBE_AT_FDCWD, name, &found, 0) != 0 || !S_ISDIR(found.st_mode))
        return 0;
    text_append(text_append(name, end, container->arguments[at]), end, "/mnt/9");
    if (kernel_stat_at(PROBE_AT_FDCWD, name, &found, 0) != 0 || !S_ISDIR(found.st_mode))
        return 0;
    container->at = at;
    text_append(container->place, container->place + sizeof container->place, "/mnt");
    return 1;
}

static int plan(struct container *container, const char *path)
{
    switch (container->kind) {
    case CONTAINER_PODMAN: return plan_podman(container);
    case CONTAINER_BWRAP: return plan_bwrap(container);
    case CONTAINER_APPTAINER: return plan_apptainer(container, path);
    case CONTAINER_CHARLIECLOUD: return plan_charliecloud(container);
    default: return 1;
    }
}

const char *container_variable(const struct container *container, const char *name)
{
    for (char *const *at = container->environment; at && *at; at++)
        if (text_begins(*at, name))
            return *at + text_length(name);
    return NULL;
}

/* Our own entry of LD_PRELOAD, and the others before it. 0 when we are not there. */
static int find_library(struct container *container)
{
    const char *value = container_variable(container, "LD_PRELOAD="), *at = value;
    while (at && *at) {
        size_t size = 0, name = 0;
        for (; at[size] && at[size] != ':' && at[size] != ' '; size++)
            if (at[size] == '/')
                name = size + 1;
        if (size - name >= 11 && bytes_equal(at + name, "libprobe", 8) && bytes_equal(at + size - 3, ".so", 3)) {
            container->library = at;
            container->library_size = size;
            container->foreign = value;
            container->foreign_size = (size_t)(at - value);
            return 1;
        }
        at += size + !!at[size];
    }
    return 0;
}

static int is_done(const struct container *container)
{
    for (size_t i = 1; i < container->count; i++)
        for (const char *at = container->arguments[i]; *at; at++)
            if (*at == 'P' && text_begins(at, CONTAINER_VARIABLE))
                return 1;
            else if (*at == 'P' && text_equal(at, "PROBE_CONTAINER"))
                return 1;
    return 0;
}

static void make_token(char token[17])
{
    uint64_t number = (uint64_t)kernel_clock(CLOCK_MONOTONIC) * 0x9e3779b97f4a7c15u;
    number ^= (uint64_t)kernel_thread() << 40;
    for (int i = 0; i < 16; i++)
        token[i] = "0123456789abcdef"[number >> 4 * i & 15];
    token[16] = 0;
}

static size_t make_plan(struct container *container, const char *path, char *const *arguments, char *const *environment)
{
    *container = (struct container){.kind = kind_of(path), .arguments = arguments, .environment = environment};
    while (arguments[container->count])
        container->count++;
    while (environment[container->variables])
        container->variables++;
    container->folder = container_variable(container, "PROBE_RUN=");
    container->step = container_variable(container, "PROBE_STEP=");
    const char *wish = container_variable(container, "PROBE_CONTAINERS=");
    if (!container->step)
        container->step = "";
    if (!container->folder || !find_library(container) || (wish && text_equal(wish, "gap")) || is_done(container) ||
        !plan(container, path))
        return 0;
    make_token(container->token);
    size_t texts = container->library_size + text_length(container->folder) + text_length(container->step) +
                   container->foreign_size + text_length(container->place);
    const char *bind = container_variable(container, "APPTAINER_BIND="), *older = container_variable(container, "SINGULARITY_BIND=");
    texts += (bind ? text_length(bind) : 0) + (older ? text_length(older) : 0) + 64;
    container->size = (container->count + container->variables + 40) * sizeof(char *) + 8 * texts;
    return container->size;
}

/* Apart, for the sake of the stack: nearly every program is none of these. */
static __attribute__((noinline)) size_t room_for(const char *path, char *const *arguments, char *const *environment)
{
    struct container container;
    size_t size = make_plan(&container, path, arguments, environment);
    return size <= ROOM_MOST ? size : 0;
}

size_t container_room(const char *path, char *const *arguments, char *const *environment)
{
    return path && arguments && environment && kind_of(path) ? room_for(path, arguments, environment) : 0;
}

void container_enter(void *memory, const char *path, char ***arguments, char ***environment)
{
    struct container container;
    if (make_plan(&container, path, *arguments, *environment))
        container_build(&container, memory, arguments, environment);
}
