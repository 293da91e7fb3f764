/* One ESP SA in one direction: tunnel mode, AES-128-GCM with a 16-byte ICV (RFC 4303, RFC 4106). */
#ifndef CEILING_ESP_H
#define CEILING_ESP_H

#include <stddef.h>
#include <stdint.h>

enum {
    ESP_HEADER = 16,       /* SPI, sequence number, IV: the inner packet begins here */
    ESP_ICV = 16,
    ESP_TRAILER = 3 + 2,   /* at most: padding to four bytes, pad length, next header */
    ESP_GROWTH = ESP_HEADER + ESP_TRAILER + ESP_ICV,
};

enum cipher_library { WITH_OPENSSL, WITH_IPSEC_MB };

struct esp_sa;

/* Both ends and both directions share one fixed key: this program is for measuring alone. */
struct esp_sa *esp_sa_create(enum cipher_library library, int is_outbound);

/*
 * Seals the `length` bytes that begin ESP_HEADER behind `packet`. There must be room for the trailer and the
 * ICV. Returns the length of the ESP packet, which begins at `packet`.
 */
size_t esp_seal(struct esp_sa *sa, uint8_t *packet, size_t length);

/* Opens an ESP packet where it lies. Returns the length of the inner packet, or 0 if there is none. */
size_t esp_open(struct esp_sa *sa, uint8_t *packet, size_t length);

#endif
