//go:build !linux || musl

package kafka

func tuneAllocator() {}
