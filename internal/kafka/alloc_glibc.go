//go:build linux && !musl

package kafka

/*
#include <malloc.h>
static void ck_tune_malloc(void) {
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
}
*/
import "C"

import "sync"

// tuneAllocator keeps glibc from giving each of librdkafka's threads an arena of its own: records are allocated by one
// thread and freed by another, so many arenas cost memory and win nothing.
var tuneAllocator = sync.OnceFunc(func() { C.ck_tune_malloc() })
