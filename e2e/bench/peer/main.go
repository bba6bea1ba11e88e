// Command peer is what mirrors are measured beside, each in a process of its own so that its CPU time and memory can be told from
// the benchmark's. It imports no room of the worker.
//
//	peer loop SOURCE TARGET TOPIC COPY CODEC [LINGER]   consumes and produces with franz-go, as mirrors written in Go do
//	peer relay TARGET                                  hands on bytes and checksums them: the limit for all that copies over sockets
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "relay":
		return relay(ctx, args[1])
	case (len(args) == 6 || len(args) == 7) && args[0] == "loop":
		linger := 10 * time.Millisecond
		if len(args) == 7 {
			var err error
			if linger, err = time.ParseDuration(args[6]); err != nil {
				return err
			}
		}
		return loop(ctx, args[1], args[2], args[3], args[4], args[5], linger)
	}
	return fmt.Errorf("arguments are %q, not: loop SOURCE TARGET TOPIC COPY CODEC [LINGER], or relay TARGET", args)
}
