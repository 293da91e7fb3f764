#pragma once
#include <stddef.h>

/// Overwrites `count` bytes in a way that the compiler may not leave out.
void csm_wipe(void *bytes, size_t count);

/// 1 if the two regions hold the same bytes, 0 if not; the time depends on `count` only.
int csm_equal(const void *left, const void *right, size_t count);
