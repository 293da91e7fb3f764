// Counts the allocations of each thread, in a program that this is linked into.
#pragma once

#include <stdint.h>

/// How often the calling thread has allocated memory since it began.
uint64_t allocations_of_thread(void);
/// 0 under a sanitizer, whose own allocator stays in place: nothing is counted then.
int allocations_are_counted(void);
/// Bytes of the heap that are in use (mallinfo2(3)).
uint64_t allocated_bytes(void);
