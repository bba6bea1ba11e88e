// Package app is the command line of a connectd distribution: subcommands, properties files, signals, exit codes.
//
// cmd/connectd is the stock distribution. Whoever has connectors of their own writes a main like it, with their own
// registrations:
//
//	func main() {
//		app.Main(app.Distribution{Register: func(r connect.Registrar, d app.Deps) {
//			all.Register(r, d)
//			mine.Register(r)
//		}})
//	}
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/all"
	"github.com/connectd/connectd/worker"
)

// Exit codes.
const (
	ExitOK      = 0
	ExitFailure = 1 // it could not start, or ended by a failure
	ExitUsage   = 2 // wrong arguments or wrong properties
)

// Deps is what the stock connectors need of the worker's process.
type Deps = all.Deps

// Distribution is a set of plugins and a version.
type Distribution struct {
	// Version and Commit name the build; "dev" and "unknown" if empty.
	Version, Commit string
	// Register hands over the plugins of one worker; nil for the stock ones.
	Register func(connect.Registrar, Deps)
}

// Main runs the command line of the process and exits.
func Main(d Distribution) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	code := Run(ctx, d, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Run carries out one command line and returns the exit code. Ending ctx stops it in order.
func Run(ctx context.Context, d Distribution, args []string, stdout, stderr io.Writer) int {
	if d.Version == "" {
		d.Version = "dev"
	}
	if d.Commit == "" {
		d.Commit = "unknown"
	}
	if d.Register == nil {
		d.Register = all.Register
	}
	c := cli{d, stdout, stderr}
	if len(args) == 0 {
		c.usage(stderr)
		return ExitUsage
	}
	return c.code(c.dispatch(ctx, args))
}

// cli is one run of the command line.
type cli struct {
	dist           Distribution
	stdout, stderr io.Writer
}

// command is one subcommand.
type command struct {
	name, args, help string
	run              func(ctx context.Context, args []string) error
}

func (c cli) commands() []command {
	return []command{
		{"distributed", "<worker.properties>", "run a worker that joins the Connect cluster named in the file", c.distributed},
		{"dev", "[flags]", "run embedded Kafka clusters, two workers and a sample mirror", c.dev},
		{"mirror", "<what>", "replicate between Kafka clusters, and look after it; see mirror -h", c.mirror},
		{"topics", "<worker.properties>", "show what a Connect cluster's internal topics hold, Java's or connectd's; see topics -h", c.topics},
		{"healthcheck", "[url]", "exit 0 if the worker at url (default http://localhost:8083) is healthy", c.healthcheck},
		{"version", "", "print the version", c.version},
		{"help", "", "print this", c.help},
	}
}

// usageError is a failure that the caller mends by calling differently.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func (c cli) dispatch(ctx context.Context, args []string) error {
	name := args[0]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	for _, cmd := range c.commands() {
		if cmd.name == name {
			return cmd.run(ctx, args[1:])
		}
	}
	return usageError{fmt.Errorf("unknown command %q; see connectd help", args[0])}
}

// code prints an error and chooses the exit code.
func (c cli) code(err error) int {
	if err == nil {
		return ExitOK
	}
	fmt.Fprintf(c.stderr, "connectd: %v\n", err)
	if errors.As(err, new(usageError)) {
		return ExitUsage
	}
	var own exitError
	if errors.As(err, &own) {
		return own.code
	}
	return ExitFailure
}

func (c cli) help(context.Context, []string) error {
	c.usage(c.stdout)
	return nil
}

func (c cli) usage(w io.Writer) {
	fmt.Fprint(w, "connectd is a Kafka Connect worker in one binary.\n\nUsage:\n\n")
	for _, cmd := range c.commands() {
		fmt.Fprintf(w, "  connectd %-12s %-20s %s\n", cmd.name, cmd.args, cmd.help)
	}
	fmt.Fprint(w, "\nExit codes: 0 success, 1 failure, 2 wrong arguments or properties.\n")
}

func (c cli) version(context.Context, []string) error {
	_, err := fmt.Fprintf(c.stdout, "connectd %s (commit %s), behaves as Kafka Connect %s\n", c.dist.Version, c.dist.Commit, worker.KafkaVersion)
	return err
}
