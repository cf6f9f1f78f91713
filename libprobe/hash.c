/* The hash of texts: of paths that repeat, of environments, of lists of libraries. */
#include "log.h"

uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size)
{
    uint64_t word;
    for (; size >= 8; size -= 8, bytes += 8) {
        __builtin_memcpy(&word, bytes, 8);
        hash = hash_word(hash, word);
    }
    uint32_t four = 0;
    uint16_t two = 0;
    word = (uint64_t)size << 56;
    if (size & 4) {
        __builtin_memcpy(&four, bytes, 4);
        bytes += 4;
    }
    if (size & 2) {
        __builtin_memcpy(&two, bytes, 2);
        bytes += 2;
    }
    word |= (uint64_t)four << 24 | (uint64_t)two << 8 | (size & 1 ? (unsigned char)*bytes : 0);
    return hash_word(hash, word);
}
