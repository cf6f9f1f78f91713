/*
 * Files that libc reads by itself, past every wrapper: accounts, hosts, the time zone.
 * Which ones is told by the call and by libc's defaults; where they are configured
 * otherwise (directory services, nscd) the note says more than was read.
 */
#include <time.h>

#include "wrap.h"

extern char **environ __attribute__((weak));

static void note_file(const char *path)
{
    struct stat status;
    int failed = kernel_stat_at(AT_FDCWD, path, &status, 0);
    note_access(PROBE_READ, 0, AT_FDCWD, path, failed ? failure_number(-failed) : 0);
}

static const char *zone(char path[PROBE_PATH_MAX])
{
    const char *value = NULL;
    for (char **at = environ; at && *at && !value; at++)
        if (text_begins(*at, "TZ="))
            value = *at + 3 + ((*at)[3] == ':');
    if (!value)
        return "/etc/localtime";
    char *end = path + PROBE_PATH_MAX, *at = path;
    if (value[0] != '/')
        at = text_append(at, end, "/usr/share/zoneinfo/");
    text_append(at, end, value[0] ? value : "Universal");
    return path;
}

void note_database(enum database which)
{
    char path[PROBE_PATH_MAX];
    log_announce();
    if (own->said >> which & 1 || __atomic_fetch_or(&own->said, 1u << which, __ATOMIC_RELAXED) >> which & 1)
        return;
    if (which != ZONE && lookup_next("gnu_get_libc_version"))
        note_file("/etc/nsswitch.conf");
    switch (which) {
    case PASSWD: note_file("/etc/passwd"); break;
    case GROUP: note_file("/etc/group"); break;
    case HOSTS: note_file("/etc/resolv.conf"), note_file("/etc/hosts"); break;
    case ZONE: note_file(zone(path)); break;
    case SERVICES: note_file("/etc/services"); break;
    case PROTOCOLS: note_file("/etc/protocols"); break;
    case SHADOW: note_file("/etc/shadow"); break;
    }
}

WRAPPER(void, tzset, (void))
{
    __typeof__(&hook_tzset) next = NEXT(tzset);
    if (next)
        next();
    if (recording())
        note_database(ZONE);
}
