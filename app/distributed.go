package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/connectd/connectd/internal/node"
	"github.com/connectd/connectd/worker/workerconf"
	"github.com/hashicorp/go-hclog"
)

// distributed runs one worker until ctx ends.
func (c cli) distributed(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("distributed takes one argument, the worker's properties file; got %d", len(args))}
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return usageError{fmt.Errorf("reading the worker's properties: %w", err)}
	}
	props, err := workerconf.ParseProperties(data)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", args[0], err)}
	}
	n, err := node.New(ctx, props, c.nodeOptions(c.logger()))
	if err != nil {
		return configFault(args[0], err)
	}
	return n.Run(ctx)
}

// configFault makes a fault in the properties a usage error that names the file.
func configFault(file string, err error) error {
	if ce := new(node.ConfigError); errors.As(err, &ce) {
		return usageError{fmt.Errorf("%s: %w", file, err)}
	}
	return err
}

// logger writes to standard error; CONNECTD_LOG_LEVEL sets the level, CONNECTD_LOG_FORMAT=json the form.
func (c cli) logger() hclog.Logger {
	level := hclog.LevelFromString(os.Getenv("CONNECTD_LOG_LEVEL"))
	if level == hclog.NoLevel {
		level = hclog.Info
	}
	return hclog.New(&hclog.LoggerOptions{
		Name: "connectd", Output: c.stderr, Level: level, IndependentLevels: true,
		JSONFormat: os.Getenv("CONNECTD_LOG_FORMAT") == "json",
	})
}

func (c cli) nodeOptions(log hclog.Logger) node.Options {
	return node.Options{Register: c.dist.Register, Logger: log, Version: c.dist.Version, Commit: c.dist.Commit}
}
