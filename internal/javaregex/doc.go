// Package javaregex understands regular expressions as java.util.regex.Pattern does, since the configs of connectors are
// written for it.
//
// A text is parsed by Java's rules (parse.go, class.go, escape.go) into a small tree in which flags, quotations and
// operators of character classes are resolved: every character class is a set of code points. The tree is written anew for
// one of two engines (render.go): Go's regexp, whose matching takes linear time, or regexp2, which backtracks, where the
// expression has look-around, back references, or atomic groups. What is wrong for Java is refused in Java's words; the few
// things that Java has and this room has not are refused by name.
//
// It is pure but for one thing: a match by the second engine is given up after a time, which regexp2 measures. It has no
// logger, no I/O and no state.
package javaregex
