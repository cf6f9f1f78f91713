/*
 * bubblewrap's options are operations, carried out in their order: ours stand behind all of them.
 * Nothing of the user's may be written for it, so a place must be found that exists already, or
 * that lies in memory that bubblewrap makes itself (its root, a --dev, a --tmpfs).
 */
#include "container-inside.h"

struct operation {
    char name[24];
    uint8_t values;
};

static const struct operation operations[] = {
    {"--unshare-all", 0}, {"--share-net", 0}, {"--unshare-user", 0}, {"--unshare-user-try", 0}, {"--unshare-ipc", 0},
    {"--unshare-pid", 0}, {"--unshare-net", 0}, {"--unshare-uts", 0}, {"--unshare-cgroup", 0},
    {"--unshare-cgroup-try", 0}, {"--clearenv", 0}, {"--new-session", 0}, {"--die-with-parent", 0}, {"--as-pid-1", 0},
    {"--disable-userns", 0}, {"--assert-userns-disabled", 0}, {"--argv0", 1}, {"--userns", 1}, {"--userns2", 1},
    {"--pidns", 1}, {"--uid", 1}, {"--gid", 1}, {"--hostname", 1}, {"--chdir", 1}, {"--unsetenv", 1},
    {"--lock-file", 1}, {"--sync-fd", 1}, {"--remount-ro", 1}, {"--proc", 1}, {"--dev", 1}, {"--tmpfs", 1},
    {"--mqueue", 1}, {"--dir", 1}, {"--seccomp", 1}, {"--add-seccomp-fd", 1}, {"--block-fd", 1},
    {"--userns-block-fd", 1}, {"--info-fd", 1}, {"--json-status-fd", 1}, {"--exec-label", 1}, {"--file-label", 1},
    {"--cap-add", 1}, {"--cap-drop", 1}, {"--perms", 1}, {"--size", 1}, {"--setenv", 2}, {"--bind", 2},
    {"--bind-try", 2}, {"--dev-bind", 2}, {"--dev-bind-try", 2}, {"--ro-bind", 2}, {"--ro-bind-try", 2},
    {"--bind-fd", 2}, {"--ro-bind-fd", 2}, {"--file", 2}, {"--bind-data", 2}, {"--ro-bind-data", 2}, {"--symlink", 2},
    {"--chmod", 2},
};

static int values_of(const char *option)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (text_equal(option, operations[i].name))
            return operations[i].values;
    return -1;
}

struct view {
    int whole;         /* the root inside is the root outside */
    int memory;        /* the root is bubblewrap's own, and can be written */
    const char *place; /* the newest --dev or --tmpfs that nothing covers */
};

static int covers(const char *mount, const char *path)
{
    size_t size = text_length(mount);
    while (size > 1 && mount[size - 1] == '/')
        size--;
    return size == 1 || (text_length(path) >= size && bytes_equal(path, mount, size) && (!path[size] || path[size] == '/'));
}

/* What an operation with a mount does to the view. */
static void see(struct view *view, const struct container *container, const char *option, const char *from, const char *at)
{
    int is_root = text_equal(at, "/"), is_bind = from && text_begins(option, "--") && option[text_length(option) - 1] != 'v';
    if (view->place && covers(at, view->place))
        view->place = NULL;
    if (is_root) {
        view->whole = is_bind && text_equal(from, "/");
        view->memory = text_equal(option, "--tmpfs");
    } else if (covers(at, container->folder) || covers(at, container->library)) {
        view->whole = 0;
    }
    if (text_equal(option, "--dev") || (text_equal(option, "--tmpfs") && !is_root))
        view->place = at;
}

static int is_mount(const char *option)
{
    return text_begins(option, "--bind") || text_begins(option, "--dev") || text_begins(option, "--ro-bind") ||
           text_equal(option, "--tmpfs") || text_equal(option, "--proc") || text_equal(option, "--mqueue") ||
           text_equal(option, "--remount-ro");
}

/* The user's own preloads inside. */
static void see_environment(struct container *container, const char *option, char *const *values)
{
    if (text_equal(option, "--clearenv") || (text_equal(option, "--unsetenv") && text_equal(values[0], "LD_PRELOAD")))
        container->foreign_size = 0;
    if (text_equal(option, "--setenv") && text_equal(values[0], "LD_PRELOAD")) {
        container->foreign = values[1];
        container->foreign_size = text_length(values[1]);
    }
}

static int choose_place(struct container *container, const struct view *view)
{
    char *end = container->place + sizeof container->place;
    if (view->whole)
        return container->same_names = 1;
    if (view->place && text_length(view->place) + 32 < sizeof container->place) {
        text_append(text_append(container->place, end, view->place), end, "/.probe");
        return 1;
    }
    text_append(container->place, end, "/.probe");
    return view->memory;
}

int plan_bwrap(struct container *container)
{
    struct view view = {0, 1, NULL};
    size_t at = 1;
    while (at < container->count && container->arguments[at][0] == '-') {
        char *const *argument = container->arguments + at;
        if (text_equal(*argument, "--"))
            break;
        int values = values_of(*argument);
        if (values < 0 || at + (size_t)values >= container->count)
            return 0; /* --args, --help, or one that came later than this table */
        see_environment(container, *argument, argument + 1);
        if (is_mount(*argument))
            see(&view, container, *argument, values == 2 ? argument[1] : NULL, argument[values]);
        at += 1 + (size_t)values;
    }
    container->at = at;
    return at < container->count && choose_place(container, &view);
}
