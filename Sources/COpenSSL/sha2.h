#pragma once
#include <openssl/sha.h>

// The hash functions without EVP, under names of ours: OpenSSL marks its own as deprecated, and a warning is an error here.
// EVP allocates memory for each message (3.0: EVP_DigestInit_ex2, EVP_MD_CTX_copy_ex, EVP_MAC_init), which ESP must not.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

static inline int cossl_sha256_init(SHA256_CTX *state) { return SHA256_Init(state); }
static inline int cossl_sha256_update(SHA256_CTX *state, const void *bytes, size_t count) {
    return SHA256_Update(state, bytes, count);
}
static inline int cossl_sha256_final(unsigned char *digest, SHA256_CTX *state) { return SHA256_Final(digest, state); }

static inline int cossl_sha384_init(SHA512_CTX *state) { return SHA384_Init(state); }
static inline int cossl_sha512_init(SHA512_CTX *state) { return SHA512_Init(state); }
static inline int cossl_sha512_update(SHA512_CTX *state, const void *bytes, size_t count) {
    return SHA512_Update(state, bytes, count);
}
static inline int cossl_sha512_final(unsigned char *digest, SHA512_CTX *state) { return SHA512_Final(digest, state); }

#pragma clang diagnostic pop
