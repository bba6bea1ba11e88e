package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/internal/inspect"
	"github.com/connectd/connectd/internal/node"
	"github.com/hashicorp/go-hclog"
)

// topicsFlags are the arguments of connectd topics.
type topicsFlags struct {
	file          string // the worker's properties, empty for none
	kinds         []inspect.Kind
	bootstrap     string
	commandConfig string
	names         map[inspect.Kind]*string
	connector     string
	json          bool
	traces        bool
	showSecrets   bool
	follow        bool
	fromBeginning bool
	timeout       time.Duration
}

// topicProperties are the worker's properties that name the topics, and the flags that do.
var topicProperties = map[inspect.Kind]struct{ property, flag string }{
	inspect.ConfigTopic: {"config.storage.topic", "config-topic"},
	inspect.OffsetTopic: {"offset.storage.topic", "offset-topic"},
	inspect.StatusTopic: {"status.storage.topic", "status-topic"},
}

const topicsUsage = `Usage: connectd topics [flags] <worker.properties> [configs] [offsets] [statuses]
       connectd topics [flags] -bootstrap-server host:port -config-topic name ... [configs] [offsets] [statuses]

Prints what the internal topics of a Connect cluster hold, of Java workers or connectd's: all three, or those named. It only
reads: no group, no commits, no topics created. The cluster may be running.

`

func (c cli) parseTopics(args []string) (*topicsFlags, error) {
	f := &topicsFlags{names: map[inspect.Kind]*string{}}
	fs := flag.NewFlagSet("connectd topics", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the caller prints errors, once
	fs.StringVar(&f.bootstrap, "bootstrap-server", "", "Kafka `brokers`; instead of, or over, the file's bootstrap.servers")
	fs.StringVar(&f.commandConfig, "command-config", "", "properties `file` with client settings such as security.protocol, over those of the worker's file")
	for _, kind := range inspect.Kinds {
		p := topicProperties[kind]
		f.names[kind] = fs.String(p.flag, "", "`name` of the topic; instead of, or over, the file's "+p.property)
	}
	fs.StringVar(&f.connector, "connector", "", "show only the connector of this `name`")
	fs.BoolVar(&f.json, "json", false, "print a JSON document; with -follow one JSON object in each line")
	fs.BoolVar(&f.traces, "traces", false, "show traces of failures in full, not only their first lines (-json always does)")
	fs.BoolVar(&f.showSecrets, "show-secrets", false, "show passwords and the like in configs; the session key is never shown")
	fs.BoolVar(&f.follow, "follow", false, "print each record that is written from now on, decoded, until interrupted")
	fs.BoolVar(&f.fromBeginning, "from-beginning", false, "with -follow: begin with the oldest records")
	fs.DurationVar(&f.timeout, "timeout", time.Minute, "how long to wait for an answer of the brokers")
	if err := f.parse(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(c.stdout, topicsUsage)
			fs.SetOutput(c.stdout)
			fs.PrintDefaults()
			return nil, err
		}
		return nil, usageError{err}
	}
	return f, nil
}

// parse takes flags and arguments in any order.
func (f *topicsFlags) parse(fs *flag.FlagSet, args []string) error {
	for {
		if err := fs.Parse(args); err != nil {
			return err
		}
		if fs.NArg() == 0 {
			return f.check()
		}
		word := fs.Arg(0)
		args = fs.Args()[1:]
		switch kind := inspect.Kind(word); {
		case slices.Contains(inspect.Kinds, kind):
			if !slices.Contains(f.kinds, kind) {
				f.kinds = append(f.kinds, kind)
			}
		case f.file == "":
			f.file = word
		default:
			return fmt.Errorf("topics takes one properties file, and any of configs, offsets and statuses; got %q and %q", f.file, word)
		}
	}
}

func (f *topicsFlags) check() error {
	switch {
	case f.file == "" && f.bootstrap == "":
		return errors.New("topics needs the worker's properties file, or -bootstrap-server and the names of topics; see connectd topics -h")
	case f.fromBeginning && !f.follow:
		return errors.New("-from-beginning goes with -follow: without it, all records are read anyway")
	case f.timeout <= 0:
		return fmt.Errorf("-timeout=%v: it must be more than 0, such as 30s", f.timeout)
	}
	return nil
}

// topics prints what the internal topics hold.
func (c cli) topics(ctx context.Context, args []string) error {
	f, err := c.parseTopics(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	log := c.logger()
	if log.GetLevel() == hclog.Info {
		log.SetLevel(hclog.Warn) // the output is the report
	}
	plan, err := f.plan(log)
	if err != nil {
		return usageError{err}
	}
	err = c.inspect(ctx, f, plan, log)
	if ctx.Err() != nil {
		if f.follow {
			return nil
		}
		return errors.New("interrupted")
	}
	return err
}

func (c cli) inspect(ctx context.Context, f *topicsFlags, plan *topicsPlan, log hclog.Logger) error {
	t, err := openTopics(ctx, plan, f.timeout, log)
	if err != nil {
		return err
	}
	defer t.close()
	o := inspect.Options{Passwords: c.passwords(), ShowSecrets: f.showSecrets, Connector: f.connector}
	text := inspect.TextOptions{Traces: f.traces}
	if f.follow {
		return t.follow(ctx, f.fromBeginning, inspect.NewLines(o), func(l inspect.Line) error {
			if f.json {
				return c.print(l.JSON())
			}
			return c.print([]byte(l.Text(text)), nil)
		})
	}
	report, err := t.snapshot(ctx, o)
	switch {
	case err != nil:
		return err
	case f.connector != "" && !report.Known(f.connector):
		return fmt.Errorf("no record of a connector %q in %s", f.connector, strings.Join(plan.topicNames(), ", "))
	case f.json:
		return c.print(report.JSON())
	}
	return c.print([]byte(report.Text(text)), nil)
}

func (c cli) print(b []byte, err error) error {
	if err == nil {
		_, err = c.stdout.Write(b)
	}
	return err
}

// passwords asks the distribution's plugins which of their properties are passwords.
func (c cli) passwords() inspect.Passwords {
	plugins := node.Plugins(c.dist.Register)
	return func(class string) []string {
		_, def, known := plugins.Find(strings.TrimSpace(class))
		if !known {
			return nil
		}
		var names []string
		for _, k := range def.Keys() {
			if k.Type == config.TypePassword {
				names = append(names, k.Name)
			}
		}
		return names
	}
}
