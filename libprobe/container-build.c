/* The command line and the environment with ours in them. */
#include "container-inside.h"

struct maker {
    const struct container *container;
    char **slot;
    char *text, *end;
};

static void begin(struct maker *maker) { *maker->slot++ = maker->text; }
static void add(struct maker *maker, const char *text) { maker->text = text_append(maker->text, maker->end, text); }
static void finish(struct maker *maker) { *maker->text++ = 0; }

static void add_part(struct maker *maker, const char *text, size_t size)
{
    bytes_copy(maker->text, text, size);
    maker->text += size;
    *maker->text = 0;
}

static void add_word(struct maker *maker, const char *word)
{
    begin(maker);
    add(maker, word);
    finish(maker);
}

static const char *run_id(const struct container *container)
{
    const char *id = container->folder;
    for (const char *at = id; *at; at++)
        if (*at == '/' && at[1])
            id = at + 1;
    return id;
}

/* Names outside and inside. */
static void add_library(struct maker *maker, int inside)
{
    const struct container *container = maker->container;
    if (!inside || container->same_names) {
        add_part(maker, container->library, container->library_size);
        return;
    }
    add(maker, container->place);
    if (container->kind != CONTAINER_CHARLIECLOUD) {
        add(maker, "/libprobe.so");
        return;
    }
    size_t name = container->library_size;
    while (name && container->library[name - 1] != '/')
        name--;
    add(maker, "/8/");
    add_part(maker, container->library + name, container->library_size - name);
}

static void add_folder(struct maker *maker, int inside)
{
    const struct container *container = maker->container;
    add(maker, inside && !container->same_names ? container->place : container->folder);
    if (!inside || container->same_names)
        return;
    add(maker, container->kind == CONTAINER_CHARLIECLOUD ? "/9" : "/runs/");
    if (container->kind != CONTAINER_CHARLIECLOUD)
        add(maker, run_id(container));
}

/* NAME=VALUE, or NAME and VALUE apart: what a program inside must find in its environment. */
static void add_preload(struct maker *maker)
{
    const struct container *container = maker->container;
    if (container->kind != CONTAINER_PODMAN && container->foreign_size) {
        add_part(maker, container->foreign, container->foreign_size);
        if (maker->text[-1] != ':')
            add(maker, ":");
    }
    add_library(maker, 1);
}

static void add_variables(struct maker *maker, const char *before, const char *option, const char *between)
{
    for (int i = maker->container->kind == CONTAINER_JOINED ? 3 : 0; i < 4; i++) {
        static const char names[4][16] = {"LD_PRELOAD", "PROBE_RUN", "PROBE_STEP", "PROBE_CONTAINER"};
        if (i == 2 && !*maker->container->step)
            continue;
        if (*before)
            add_word(maker, before);
        begin(maker);
        add(maker, option);
        add(maker, names[i]);
        if (*between)
            add(maker, between);
        else
            finish(maker), begin(maker);
        switch (i) {
        case 0: add_preload(maker); break;
        case 1: add_folder(maker, 1); break;
        case 2: add(maker, maker->container->step); break;
        case 3: add(maker, maker->container->token); break;
        }
        finish(maker);
    }
}

static void add_volumes(struct maker *maker)
{
    begin(maker);
    add(maker, "--volume=");
    add_library(maker, 0);
    add(maker, ":");
    add_library(maker, 1);
    add(maker, ":ro");
    finish(maker);
    begin(maker);
    add(maker, "--volume=");
    add_folder(maker, 0);
    add(maker, ":");
    add_folder(maker, 1);
    finish(maker);
}

static void add_operations(struct maker *maker)
{
    for (int i = 0; i < 2; i++) {
        add_word(maker, i ? "--bind" : "--ro-bind");
        for (int inside = 0; inside < 2; inside++) {
            begin(maker);
            if (i)
                add_folder(maker, inside);
            else
                add_library(maker, inside);
            finish(maker);
        }
    }
}

static void add_binds(struct maker *maker)
{
    const struct container *container = maker->container;
    size_t name = container->library_size;
    while (name && container->library[name - 1] != '/')
        name--;
    begin(maker);
    add(maker, "--bind=");
    add_part(maker, container->library, name ? name - 1 : 0);
    add(maker, ":/mnt/8");
    finish(maker);
    begin(maker);
    add(maker, "--bind=");
    add(maker, container->folder);
    add(maker, ":/mnt/9");
    finish(maker);
}

static void add_options(struct maker *maker)
{
    switch (maker->container->kind) {
    case CONTAINER_PODMAN: add_volumes(maker); add_variables(maker, "", "--env=", "="); break;
    case CONTAINER_JOINED: add_variables(maker, "", "--env=", "="); break;
    case CONTAINER_BWRAP: add_operations(maker); add_variables(maker, "--setenv", "", ""); break;
    case CONTAINER_CHARLIECLOUD: add_binds(maker); add_variables(maker, "", "--set-env=", "="); break;
    default: break;
    }
}

/* apptainer joins what its variable says with what the user's options say. */
static void add_bind_variable(struct maker *maker)
{
    const struct container *container = maker->container;
    const char *name = container->old_prefix ? "SINGULARITY_BIND=" : "APPTAINER_BIND=";
    const char *before = container_variable(container, name);
    begin(maker);
    add(maker, name);
    if (before && *before) {
        add(maker, before);
        add(maker, ",");
    }
    add_library(maker, 0);
    add(maker, ":");
    add_library(maker, 0);
    add(maker, ":ro,");
    add_folder(maker, 0);
    finish(maker);
}

static void add_environment(struct maker *maker)
{
    const struct container *container = maker->container;
    int apptainer = container->kind == CONTAINER_APPTAINER;
    const char *bind = container->old_prefix ? "SINGULARITY_BIND=" : "APPTAINER_BIND=";
    for (size_t i = 0; i < container->variables; i++)
        if (!text_begins(container->environment[i], CONTAINER_VARIABLE) &&
            !(apptainer && text_begins(container->environment[i], bind)))
            *maker->slot++ = container->environment[i];
    begin(maker);
    add(maker, CONTAINER_VARIABLE);
    add(maker, container->token);
    finish(maker);
    if (apptainer) {
        add_bind_variable(maker);
        add_variables(maker, "", container->old_prefix ? "SINGULARITYENV_" : "APPTAINERENV_", "=");
    }
    *maker->slot++ = NULL;
}

void container_build(const struct container *container, void *memory, char ***arguments, char ***environment)
{
    char **pointers = memory;
    struct maker maker = {container, pointers, (char *)(pointers + container->count + container->variables + 40),
                          (char *)memory + container->size};
    if (container->kind == CONTAINER_APPTAINER || container->kind == CONTAINER_HERE) {
        *environment = maker.slot;
        add_environment(&maker);
        return;
    }
    *arguments = maker.slot;
    for (size_t i = 0; i < container->count; i++) {
        if (i == container->at)
            add_options(&maker);
        *maker.slot++ = container->arguments[i];
    }
    *maker.slot++ = NULL;
}
