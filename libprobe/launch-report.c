/*
 * What the launcher says: one line on standard error when there is something to say,
 * and the two JSON files of a run. Bytes that are not UTF-8 become lone surrogates
 * (\udcXX), as Python's os.fsdecode has them.
 */
#include "launch.h"

#include <errno.h>
#include <stdarg.h>

void say(const char *first, ...)
{
    char line[PROBE_PATH_MAX * 2], *end = line + sizeof line - 1;
    char *at = text_append(line, end, "probe: ");
    va_list more;
    va_start(more, first);
    for (const char *text = first; text; text = va_arg(more, const char *))
        for (; *text && at + 1 < end; text++)
            *at++ = (unsigned char)*text < ' ' || *text == 127 ? '?' : *text;
    va_end(more);
    *at++ = '\n';
    KERNEL(write, 2, line, at - line, 0);
}

const char *error_text(long error)
{
    static char number[32];
    switch (error < 0 ? -error : error) {
    case EACCES: return "Permission denied";
    case EPERM: return "Operation not permitted";
    case ENOENT: return "No such file or directory";
    case ENOTDIR: return "Not a directory";
    case EEXIST: return "File exists";
    case ENOSPC: return "No space left on device";
    case EDQUOT: return "Disk quota exceeded";
    case EROFS: return "Read-only file system";
    case ENAMETOOLONG: return "File name too long";
    case E2BIG: return "Argument list too long";
    case ENOEXEC: return "Exec format error";
    case ELOOP: return "Too many levels of symbolic links";
    case EMFILE: return "Too many open files";
    case ENOMEM: return "Cannot allocate memory";
    case EAGAIN: return "Resource temporarily unavailable";
    case EIO: return "Input/output error";
    case ETXTBSY: return "Text file busy";
    }
    char *at = text_append(number, number + sizeof number, "error ");
    text_append_number(at, number + sizeof number, (uint64_t)(error < 0 ? -error : error));
    return number;
}

void json_open(struct json *json, int file)
{
    json->file = file;
    json->used = 0;
    json->failed = 0;
}

static void flush(struct json *json)
{
    for (size_t at = 0; at < json->used && !json->failed;) {
        long wrote = KERNEL(write, json->file, json->buffer + at, json->used - at, 0);
        if (wrote < 0 && wrote != -EINTR)
            json->failed = wrote;
        else if (wrote > 0)
            at += (size_t)wrote;
    }
    json->used = 0;
}

static void put(struct json *json, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (json->used == sizeof json->buffer)
            flush(json);
        json->buffer[json->used++] = bytes[i];
    }
}

long json_close(struct json *json)
{
    flush(json);
    return json->failed;
}

void json_raw(struct json *json, const char *text) { put(json, text, text_length(text)); }

void json_number(struct json *json, int64_t number)
{
    char digits[24];
    if (number < 0)
        put(json, "-", 1);
    text_append_number(digits, digits + sizeof digits, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
    json_raw(json, digits);
}

static void put_escape(struct json *json, unsigned code)
{
    static const char digits[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', digits[code >> 12 & 15], digits[code >> 8 & 15], digits[code >> 4 & 15],
                    digits[code & 15]};
    put(json, text, sizeof text);
}

/* Length of the well-formed UTF-8 sequence at `in`, 0 when there is none (Unicode, table 3-7). */
static int sequence(const unsigned char *in)
{
    int length = in[0] < 0x80 ? 1 : in[0] < 0xc2 ? 0 : in[0] < 0xe0 ? 2 : in[0] < 0xf0 ? 3 : in[0] < 0xf5 ? 4 : 0;
    unsigned low = in[0] == 0xe0 ? 0xa0 : in[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = in[0] == 0xed ? 0x9f : in[0] == 0xf4 ? 0x8f : 0xbf;
    for (int i = 1; i < length; i++, low = 0x80, high = 0xbf)
        if (in[i] < low || in[i] > high)
            return 0;
    return length;
}

void json_string(struct json *json, const char *bytes)
{
    if (!bytes) {
        json_raw(json, "null");
        return;
    }
    put(json, "\"", 1);
    for (const unsigned char *in = (const unsigned char *)bytes; *in;) {
        int length = sequence(in);
        if (!length)
            put_escape(json, 0xdc00u | *in);
        else if (*in < ' ' || *in == 127)
            put_escape(json, *in);
        else if (*in == '"' || *in == '\\')
            put(json, (char[]){'\\', (char)*in}, 2);
        else
            put(json, (const char *)in, (size_t)length);
        in += length ? length : 1;
    }
    put(json, "\"", 1);
}
