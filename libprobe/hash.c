/* The hash of texts: of paths that repeat, of environments, of lists of libraries. */
#include "log.h"

uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size)
{
    uint64_t word;
    for (; size >= 8; size -= 8, bytes += 8) {
        __builtin_memcpy(&word, bytes, 8);
        hash = hash_word(hash, word);
    }
    word = (uint64_t)size << 56;
    for (size_t i = 0; i < size; i++)
        word |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
    return hash_word(hash, word);
}
