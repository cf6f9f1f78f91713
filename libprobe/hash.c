/* The hash of texts: of paths that repeat, of environments, of lists of libraries. */
#include "log.h"

static inline uint64_t word_of(const char *bytes)
{
    uint64_t word;
    __builtin_memcpy(&word, bytes, 8);
    return word;
}

static inline uint64_t half_of(const char *bytes)
{
    uint32_t word;
    __builtin_memcpy(&word, bytes, 4);
    return word;
}

/* The last word overlaps the one before: a branch for each size of the rest is dearer, it cannot be foreseen. */
uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size)
{
    uint64_t word = 0;
    if (size >= 8) {
        const char *last = bytes + size - 8;
        for (; bytes < last; bytes += 8)
            hash = hash_word(hash, word_of(bytes));
        word = word_of(last);
    } else if (size >= 4) {
        word = half_of(bytes) << 32 | half_of(bytes + size - 4);
    } else if (size) {
        word = (uint64_t)(unsigned char)bytes[0] << 16 | (uint64_t)(unsigned char)bytes[size / 2] << 8 |
               (unsigned char)bytes[size - 1];
    }
    return hash_word(hash_word(hash, word), size); /* twice: the last byte is to reach the lowest bits */
}
