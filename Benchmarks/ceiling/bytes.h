/* Numbers in network order, and the Internet checksum (RFC 1071). */
#ifndef CEILING_BYTES_H
#define CEILING_BYTES_H

#include <arpa/inet.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load16(const uint8_t *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return be16toh(value);
}

static inline uint32_t load32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return be32toh(value);
}

static inline void store16(uint8_t *p, uint16_t value)
{
    value = htobe16(value);
    memcpy(p, &value, sizeof value);
}

static inline void store32(uint8_t *p, uint32_t value)
{
    value = htobe32(value);
    memcpy(p, &value, sizeof value);
}

static inline void store64(uint8_t *p, uint64_t value)
{
    value = htobe64(value);
    memcpy(p, &value, sizeof value);
}

/* One's complement sums do not care about the byte order, so they are kept as they lie in memory. */
static inline uint16_t sum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The sum of `length` bytes, not yet folded. By words of 32 bits, which the compiler turns into vectors. */
static inline uint64_t sum_bytes(const uint8_t *p, size_t length)
{
    const size_t words = length / 4, rest = length % 4;
    uint64_t sum = 0;
    uint32_t word;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, p + 4 * i, sizeof word);
        sum += word;
    }
    if (rest == 0)
        return sum;
    word = 0;
    memcpy(&word, p + 4 * words, rest);
    return sum + word;
}

/* The pseudo-header of TCP and UDP over the IPv4 header at `ip` (RFC 9293 section 3.1). */
static inline uint64_t sum_pseudo_header(const uint8_t *ip, size_t length)
{
    return sum_bytes(ip + 12, 8) + htons(ip[9]) + htons((uint16_t)length);
}

static inline void store_checksum(uint8_t *p, uint64_t sum)
{
    const uint16_t checksum = (uint16_t)~sum_fold(sum);
    memcpy(p, &checksum, sizeof checksum);
}

#endif
