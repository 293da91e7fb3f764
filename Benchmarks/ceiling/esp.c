#include "esp.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"

enum { SPI = 0x1001, IPV4_NEXT_HEADER = 4, REPLAY_WINDOW = 64 };
/* Lengths in bytes, and where the IV lies in the header. */
enum { KEY = 16, SALT = 4, IV = 8, IV_AT = 8, AAD = 8 };

static const uint8_t KEY_AND_SALT[KEY + SALT + 1] = "0123456789abcdefSALT";

struct esp_sa {
    enum cipher_library library;
    EVP_CIPHER_CTX *openssl;
    IMB_MGR *ipsec_mb;
    struct gcm_key_data *expanded_key;
    uint8_t nonce[SALT + IV];
    /* Outbound: the last sequence number that was used. Inbound: the highest that was accepted. */
    uint64_t sequence;
    /* Inbound: bit n stands for `sequence` - n. */
    uint64_t window;
};

static void give_up(const char *what)
{
    fprintf(stderr, "esp-ceiling: %s\n", what);
    exit(1);
}

static void prepare_openssl(struct esp_sa *sa, int is_outbound)
{
    sa->openssl = EVP_CIPHER_CTX_new();
    if (!sa->openssl
        || !EVP_CipherInit_ex(sa->openssl, EVP_aes_128_gcm(), NULL, KEY_AND_SALT, NULL, is_outbound))
        give_up("OpenSSL refuses AES-128-GCM");
}

static void prepare_ipsec_mb(struct esp_sa *sa)
{
    sa->ipsec_mb = alloc_mb_mgr(0);
    sa->expanded_key = aligned_alloc(64, (sizeof *sa->expanded_key + 63) / 64 * 64);
    if (!sa->ipsec_mb || !sa->expanded_key)
        give_up("no memory for intel-ipsec-mb");
    init_mb_mgr_auto(sa->ipsec_mb, NULL);
    IMB_AES128_GCM_PRE(sa->ipsec_mb, KEY_AND_SALT, sa->expanded_key);
}

struct esp_sa *esp_sa_create(enum cipher_library library, int is_outbound)
{
    struct esp_sa *sa = calloc(1, sizeof *sa);
    if (!sa)
        give_up("no memory");
    sa->library = library;
    memcpy(sa->nonce, KEY_AND_SALT + KEY, SALT);
    if (library == WITH_OPENSSL)
        prepare_openssl(sa, is_outbound);
    else
        prepare_ipsec_mb(sa);
    return sa;
}

/* Encrypts `length` bytes behind the header and puts the ICV behind them. */
static void encrypt(struct esp_sa *sa, uint8_t *packet, size_t length)
{
    uint8_t *text = packet + ESP_HEADER, *icv = text + length;
    if (sa->library == WITH_IPSEC_MB) {
        struct gcm_context_data scratch;
        IMB_AES128_GCM_ENC(sa->ipsec_mb, sa->expanded_key, &scratch, text, text, length, sa->nonce,
            packet, AAD, icv, ESP_ICV);
        return;
    }
    int written;
    EVP_EncryptInit_ex(sa->openssl, NULL, NULL, NULL, sa->nonce);
    EVP_EncryptUpdate(sa->openssl, NULL, &written, packet, AAD);
    EVP_EncryptUpdate(sa->openssl, text, &written, text, (int)length);
    EVP_EncryptFinal_ex(sa->openssl, icv, &written);
    EVP_CIPHER_CTX_ctrl(sa->openssl, EVP_CTRL_AEAD_GET_TAG, ESP_ICV, icv);
}

/* Decrypts `length` bytes behind the header. False if the ICV behind them is not theirs. */
static int decrypt(struct esp_sa *sa, uint8_t *packet, size_t length)
{
    uint8_t *text = packet + ESP_HEADER, *icv = text + length;
    if (sa->library == WITH_IPSEC_MB) {
        struct gcm_context_data scratch;
        uint8_t expected[ESP_ICV];
        IMB_AES128_GCM_DEC(sa->ipsec_mb, sa->expanded_key, &scratch, text, text, length, sa->nonce,
            packet, AAD, expected, ESP_ICV);
        return memcmp(expected, icv, ESP_ICV) == 0;
    }
    int written;
    EVP_DecryptInit_ex(sa->openssl, NULL, NULL, NULL, sa->nonce);
    EVP_DecryptUpdate(sa->openssl, NULL, &written, packet, AAD);
    EVP_DecryptUpdate(sa->openssl, text, &written, text, (int)length);
    EVP_CIPHER_CTX_ctrl(sa->openssl, EVP_CTRL_AEAD_SET_TAG, ESP_ICV, icv);
    return EVP_DecryptFinal_ex(sa->openssl, text + length, &written) > 0;
}

size_t esp_seal(struct esp_sa *sa, uint8_t *packet, size_t length)
{
    uint8_t *trailer = packet + ESP_HEADER + length;
    const size_t padding = -(length + 2) & 3;
    for (size_t i = 0; i < padding; i++)
        trailer[i] = (uint8_t)(i + 1);
    trailer[padding] = (uint8_t)padding;
    trailer[padding + 1] = IPV4_NEXT_HEADER;
    length += padding + 2;

    /* The sequence number serves as the IV: it never repeats under one key. */
    sa->sequence += 1;
    store32(packet, SPI);
    store32(packet + 4, (uint32_t)sa->sequence);
    store64(packet + IV_AT, sa->sequence);
    memcpy(sa->nonce + SALT, packet + IV_AT, IV);
    encrypt(sa, packet, length);
    return ESP_HEADER + length + ESP_ICV;
}

static int is_replay(const struct esp_sa *sa, uint32_t sequence)
{
    if (sequence > sa->sequence)
        return 0;
    const uint64_t age = sa->sequence - sequence;
    return age >= REPLAY_WINDOW || (sa->window >> age & 1);
}

static void mark_accepted(struct esp_sa *sa, uint32_t sequence)
{
    if (sequence <= sa->sequence) {
        sa->window |= (uint64_t)1 << (sa->sequence - sequence);
        return;
    }
    const uint64_t ahead = sequence - sa->sequence;
    sa->window = ahead < REPLAY_WINDOW ? sa->window << ahead | 1 : 1;
    sa->sequence = sequence;
}

size_t esp_open(struct esp_sa *sa, uint8_t *packet, size_t length)
{
    if (length < ESP_HEADER + 2 + ESP_ICV)
        return 0;
    length -= ESP_HEADER + ESP_ICV;
    const uint32_t sequence = load32(packet + 4);
    if (is_replay(sa, sequence))
        return 0;
    memcpy(sa->nonce + SALT, packet + IV_AT, IV);
    if (!decrypt(sa, packet, length))
        return 0;
    mark_accepted(sa, sequence);
    const size_t trailer = packet[ESP_HEADER + length - 2] + 2u;
    return trailer < length ? length - trailer : 0;
}
