#define _DEFAULT_SOURCE
#include "csecurememory.h"
#include <string.h>

void csm_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }

int csm_equal(const void *left, const void *right, size_t count) {
    const volatile unsigned char *a = left, *b = right;
    unsigned char difference = 0;
    for (size_t i = 0; i < count; i++) difference |= a[i] ^ b[i];
    return difference == 0;
}
