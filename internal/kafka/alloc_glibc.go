//go:build linux && !musl

package kafka

/*
#include <malloc.h>

// Before the first thread: glibc counts its arenas when it makes the second one.
__attribute__((constructor)) static void ck_tune_malloc(void) {
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
}
*/
import "C"

// The C heap has one arena, set up when the process starts. Records are allocated by one of librdkafka's threads and freed
// by another, so glibc's arena per thread costs memory, half of what a busy worker has, and wins nothing. Buffers of fetches
// and requests stay in the heap instead of being mapped and unmapped each time.
