/*
 * Remote ends: whom a socket was connected to, or accepted from, as text:
 * "connect tcp 192.0.2.1:443", "accept udp [2001:db8:0:0:0:0:0:1]:53", "connect unix /run/x.sock".
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "note.h"

#define ROOM 256

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un local;
    char space[sizeof(struct sockaddr_storage)];
};

static char *append_hexadecimal(char *at, const char *end, unsigned number)
{
    for (int shift = 12; shift >= 0; shift -= 4)
        if (number >> shift || !shift) {
            char digit[2] = {"0123456789abcdef"[number >> shift & 15], 0};
            at = text_append(at, end, digit);
        }
    return at;
}

static char *append_four(char *at, const char *end, const uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++)
        at = text_append(text_append_number(at, end, bytes[i]), end, i < 3 ? "." : ":");
    return at;
}

static char *append_six(char *at, const char *end, const uint8_t bytes[16])
{
    at = text_append(at, end, "[");
    for (int i = 0; i < 16; i += 2)
        at = text_append(append_hexadecimal(at, end, (unsigned)bytes[i] << 8 | bytes[i + 1]), end, i < 14 ? ":" : "]:");
    return at;
}

static unsigned port_of(uint16_t there) { return (unsigned)(there & 0xff) << 8 | there >> 8; }

static const char *protocol(int socket)
{
    int type = 0;
    uint32_t size = sizeof type;
    kernel_call(SYS_getsockopt, socket, SOL_SOCKET, SO_TYPE, (long)&type, (long)&size, 0);
    return type == SOCK_STREAM ? "tcp " : type == SOCK_DGRAM ? "udp " : "ip ";
}

/* The end of the text; NULL for an address that names nobody. */
static char *append_address(char *at, const char *end, int socket, const union address *address, size_t size)
{
    static const uint8_t four_in_six[12] = {[10] = 0xff, [11] = 0xff};
    switch (size >= sizeof address->any.sa_family ? address->any.sa_family : AF_UNSPEC) {
    case AF_INET:
        at = append_four(text_append(at, end, protocol(socket)), end, (const uint8_t *)&address->four.sin_addr);
        return text_append_number(at, end, port_of(address->four.sin_port));
    case AF_INET6:
        at = text_append(at, end, protocol(socket));
        at = bytes_equal(&address->six.sin6_addr, four_in_six, 12)
                 ? append_four(at, end, (const uint8_t *)&address->six.sin6_addr + 12)
                 : append_six(at, end, (const uint8_t *)&address->six.sin6_addr);
        return text_append_number(at, end, port_of(address->six.sin6_port));
    case AF_UNIX: {
        size_t from = offsetof(struct sockaddr_un, sun_path);
        if (size <= from)
            return NULL;
        at = text_append(at, end, address->local.sun_path[0] ? "unix " : "unix @");
        from += !address->local.sun_path[0];
        for (; from < size && from < sizeof address->local && address->space[from] && at + 1 < end; from++)
            *at++ = address->space[from];
        *at = 0;
        return at;
    }
    default:
        return NULL;
    }
}

static __attribute__((noinline)) void note_end(const char *call, int socket, const union address *address, size_t size,
                                               int failed)
{
    char text[ROOM];
    char *at = append_address(text_append(text, text + ROOM, call), text + ROOM, socket, address, size);
    if (!at)
        return;
    struct probe_frame *note = log_claim(PROBE_REMOTE, sizeof *note + (size_t)(at - text) + 1, NULL);
    if (!note)
        return;
    note->error = (uint8_t)failed;
    put_text((char *)(note + 1), text, (size_t)(at - text));
    log_commit(note);
}

void note_connection(int socket, const void *address, unsigned size, int failed)
{
    union address copy = {0};
    if (!address || failed == NOTHING)
        return;
    bytes_copy(&copy, address, size < sizeof copy ? size : sizeof copy);
    note_end("connect ", socket, &copy, size < sizeof copy ? size : sizeof copy, failed == EINPROGRESS ? 0 : failed);
}

void note_acceptance(int socket)
{
    union address peer = {0};
    uint32_t size = sizeof peer;
    if (socket >= 0 && KERNEL(getpeername, socket, &peer, &size, 0) == 0)
        note_end("accept ", socket, &peer, size, 0);
}
