#include "environ.h"

#include "repair.h"

#define SET_MOST (256u << 10)

/* Values that may be kept. A `*` stands for any end. (Arrays, not pointers: those are relocated at every start.) */
static const char kept[][20] = {
    "PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "LD_*", "CONDA_*", "VIRTUAL_ENV", "PYTHON*", "HOME", "USER",
    "LOGNAME", "SHELL", "PWD", "TMPDIR", "OMP_NUM_THREADS", "SOURCE_DATE_EPOCH", "CC", "CXX", "CFLAGS",
    "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "R_HOME", "R_LIBS*", "PERL5LIB", "JAVA_HOME", "NODE_PATH",
};

/* Whatever the name begins with, these in it speak against it. */
static const char secret[][12] = {"TOKEN", "SECRET", "PASS", "KEY", "AUTH", "CREDENTIAL"};

static int contains(const char *text, size_t size, const char *word)
{
    size_t length = text_length(word);
    for (size_t at = 0; at + length <= size; at++)
        if (bytes_equal(text + at, word, length))
            return 1;
    return 0;
}

static int is_secret(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        if (contains(name, size, secret[i]))
            return 1;
    return 0;
}

static int may_be_kept(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (kept[i][0] != name[0])
            continue;
        size_t length = text_length(kept[i]);
        int prefix = kept[i][length - 1] == '*';
        if (prefix ? size >= length - 1 && bytes_equal(name, kept[i], length - 1)
                   : size == length && bytes_equal(name, kept[i], length))
            return !is_secret(name, size);
    }
    return 0;
}

#define ROUND(a, b, c, d)                                                                       \
    (a += b, b = b << 13 | b >> 51, b ^= a, a = a << 32 | a >> 32, c += d, d = d << 16 | d >> 48, \
     d ^= c, a += d, d = d << 21 | d >> 43, d ^= a, c += b, b = b << 17 | b >> 47, b ^= c,       \
     c = c << 32 | c >> 32)

uint64_t keyed_digest(const uint8_t key[16], const char *text, size_t size)
{
    uint64_t k0, k1, word, tail = (uint64_t)size << 56;
    bytes_copy(&k0, key, 8);
    bytes_copy(&k1, key + 8, 8);
    uint64_t a = k0 ^ 0x736f6d6570736575u, b = k1 ^ 0x646f72616e646f6du;
    uint64_t c = k0 ^ 0x6c7967656e657261u, d = k1 ^ 0x7465646279746573u;
    for (; size >= 8; size -= 8, text += 8) {
        bytes_copy(&word, text, 8);
        d ^= word;
        ROUND(a, b, c, d);
        ROUND(a, b, c, d);
        a ^= word;
    }
    for (size_t i = 0; i < size; i++)
        tail |= (uint64_t)(unsigned char)text[i] << 8 * i;
    d ^= tail;
    ROUND(a, b, c, d);
    ROUND(a, b, c, d);
    a ^= tail;
    c ^= 0xff;
    for (int i = 0; i < 4; i++)
        ROUND(a, b, c, d);
    return a ^ b ^ c ^ d;
}

/* Our own variables, and `_`, which differs with every program of a shell. */
static int is_left_out(const char *entry)
{
    return entry[0] == '_' ? entry[1] == '='
                           : entry[0] == 'P' && (text_begins(entry, "PROBE_STEP=") || text_begins(entry, "PROBE_RUN=") ||
                                                       text_begins(entry, "PROBE_CONTAINER="));
}

/* LD_PRELOAD as it would be without us; nothing at all when we were alone. */
static const char *as_noted(const char *entry, char buffer[PROBE_PATH_MAX])
{
    if (entry[0] != 'L' || !text_begins(entry, "LD_PRELOAD="))
        return entry;
    char *end = text_append(buffer, buffer + PROBE_PATH_MAX, "LD_PRELOAD=");
    return preload_without_us(entry + 11, end, buffer + PROBE_PATH_MAX) ? buffer : NULL;
}

uint64_t environ_hash(char *const *environment)
{
    char buffer[PROBE_PATH_MAX];
    uint64_t hash = 7; /* a sum: shells reorder their variables */
    for (; *environment; environment++) {
        const char *entry = is_left_out(*environment) ? NULL : as_noted(*environment, buffer);
        if (entry)
            hash += hash_bytes(PROBE_ENVIRON, entry, path_length(entry));
    }
    return hash ? hash : 1;
}

struct variable {
    const char *name;
    size_t name_size;
    size_t value_size;
    int keep;
};

static struct variable split(const char *entry)
{
    size_t size = path_length(entry), equals = 0;
    while (equals < size && entry[equals] != '=')
        equals++;
    return (struct variable){entry, equals, equals < size ? size - equals - 1 : 0, may_be_kept(entry, equals)};
}

static size_t space_of(const struct variable *variable)
{
    return 8 + variable->name_size + 1 + (variable->keep ? 1 + variable->value_size : 0) + 1;
}

static char *put_variable(char *to, const struct variable *variable)
{
    const char *value = variable->name + variable->name_size + 1;
    uint64_t digest = keyed_digest(process.current->key, value, variable->value_size);
    bytes_copy(to, &digest, 8);
    to = put_text(to + 8, variable->name, variable->name_size);
    if (variable->keep)
        *to++ = '=';
    return put_text(to, value, variable->keep ? variable->value_size : 0);
}

void environ_note(uint64_t id, char *const *environment)
{
    char buffer[PROBE_PATH_MAX];
    size_t size = sizeof(struct probe_set);
    uint32_t count = 0;
    if (log_seen(id))
        return;
    for (char *const *at = environment; *at && size < SET_MOST; at++) {
        const char *entry = is_left_out(*at) ? NULL : as_noted(*at, buffer);
        struct variable variable = entry ? split(entry) : (struct variable){0};
        if (entry && size + space_of(&variable) < SET_MOST)
            size += space_of(&variable), count++;
    }
    struct probe_set *set = log_claim(PROBE_ENVIRON, size, NULL);
    if (!set)
        return;
    char *to = (char *)(set + 1), *end = (char *)set + size;
    set->id = id;
    for (char *const *at = environment; *at && set->count < count; at++) {
        const char *entry = is_left_out(*at) ? NULL : as_noted(*at, buffer);
        struct variable variable = entry ? split(entry) : (struct variable){0};
        if (!entry || (size_t)(end - to) < space_of(&variable))
            continue;
        to = put_variable(to, &variable);
        set->count++;
    }
    log_commit(set);
    log_mark(id);
}
