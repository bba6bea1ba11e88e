// Package worker is where the rooms of a Connect worker are joined: it opens the stores, feeds the herder with what
// happens, carries out its effects, runs connectors and tasks, and answers the REST layer.
//
// One goroutine, the loop, owns the herder. Nothing that takes time runs on it: each effect has a goroutine and a deadline
// of its own, and its outcome comes back as an event. The package has no global state: several workers run side by side in
// one process.
package worker
