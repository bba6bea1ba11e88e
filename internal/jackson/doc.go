// Package jackson reads and writes JSON as the Java workers' JSON library does, byte for byte where it matters: compaction
// compares keys as bytes, and tools compare bodies. Object order is kept, numbers keep their text, characters outside the
// basic plane are written as escaped pairs, doubles as Java's Double.toString has them.
//
// It is pure: bytes in, values out. It knows nothing of Connect.
package jackson
