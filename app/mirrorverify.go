package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/internal/node"
	"github.com/hashicorp/go-hclog"
)

// exitError is a failure with an exit code of its own.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

// Exit codes of connectd mirror verify.
const (
	exitDiffers = 1 // something is missing or differs
	exitTrouble = 2 // it could not be found out
)

// verifyFlags are the arguments of connectd mirror verify.
type verifyFlags struct {
	linkArgs
	topics     string
	from, to   string
	o          mirror.VerifyOptions
	json       bool
	quiet      bool
	ignoreMore bool
}

const verifyUsage = `Usage: connectd mirror verify [flags] LINK

Compares what a link copies, record by record: keys, values, headers, timestamps, order. It only reads. LINK is one of

` + linkArgsUsage + `
Exit codes: 0 nothing is missing and nothing differs, 1 something does, 2 it could not be found out.

Flags:
`

func (c cli) parseVerify(args []string) (*verifyFlags, error) {
	f := &verifyFlags{}
	fs := flag.NewFlagSet("connectd mirror verify", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the caller prints errors, once
	fs.StringVar(&f.topics, "topics", "", "compare only these topics of the source: `names` and regular expressions, separated by commas")
	fs.StringVar(&f.from, "from", "", "begin at this `offset or time` of each source partition: a number, 2006-01-02T15:04:05Z, or 2h (ago)")
	fs.StringVar(&f.to, "to", "", "end before this `offset or time`")
	fs.Int64Var(&f.o.Last, "last", 0, "compare only the last `n` records of each partition")
	fs.Int64Var(&f.o.Sample, "sample", 0, "compare about `n` records of each partition, in ten pieces spread over the range")
	fs.DurationVar(&f.o.Wait, "wait", 0, "how `long` what the source holds now may take to be copied, such as 10s; for a running link")
	fs.IntVar(&f.o.LookAhead, "look-ahead", 10_000, "how many `records` of each side to keep in memory for each partition that is being compared")
	fs.IntVar(&f.o.Parallel, "parallel", 4, "how many `partitions` to compare at a time")
	fs.IntVar(&f.o.Differences, "differences", 10, "how many differences of each partition to tell one by one")
	fs.BoolVar(&f.ignoreMore, "ignore-extra", false, "records that only the target has are no difference: others write there, too")
	fs.StringVar(&f.overrides, "config", "", "properties `file` over those of the link, such as addresses that hold from here, or passwords")
	fs.BoolVar(&f.json, "json", false, "print a JSON document")
	fs.BoolVar(&f.quiet, "quiet", false, "show no progress")
	err := parseMixed(fs, args, &f.args)
	if err == nil {
		err = f.check(time.Now())
	}
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(c.stdout, verifyUsage)
		fs.SetOutput(c.stdout)
		fs.PrintDefaults()
	}
	return f, err
}

// parseMixed takes flags and arguments in any order.
func parseMixed(fs *flag.FlagSet, args []string, plain *[]string) error {
	for {
		if err := fs.Parse(args); err != nil {
			return err
		}
		if fs.NArg() == 0 {
			return nil
		}
		*plain = append(*plain, fs.Arg(0))
		args = fs.Args()[1:]
	}
}

func (f *verifyFlags) check(now time.Time) (err error) {
	for _, n := range []struct {
		flag  string
		value int64
		least int64
	}{
		{"last", f.o.Last, 0},
		{"sample", f.o.Sample, 0},
		{"look-ahead", int64(f.o.LookAhead), 1},
		{"wait", int64(f.o.Wait), 0},
		{"parallel", int64(f.o.Parallel), 1},
		{"differences", int64(f.o.Differences), 0},
	} {
		if n.value < n.least {
			return fmt.Errorf("-%s=%d: must be at least %d", n.flag, n.value, n.least)
		}
	}
	if f.o.From, err = bound("from", f.from, now); err != nil {
		return err
	}
	if f.o.To, err = bound("to", f.to, now); err != nil {
		return err
	}
	if f.topics != "" {
		f.o.Topics = strings.Split(f.topics, ",")
	}
	return nil
}

// bound reads an offset or a time.
func bound(name, text string, now time.Time) (mirror.Bound, error) {
	if text == "" {
		return mirror.Bound{}, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return mirror.Bound{Given: true, At: n}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return mirror.Bound{Given: true, Time: true, At: t.UnixMilli()}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return mirror.Bound{Given: true, Time: true, At: now.Add(-d).UnixMilli()}, nil
	}
	return mirror.Bound{}, fmt.Errorf("-%s=%s: must be an offset (1000), a time (2006-01-02T15:04:05Z) or how long ago (90m)", name, text)
}

// verify compares the source and target of links.
func (c cli) verify(ctx context.Context, args []string) error {
	f, err := c.parseVerify(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	links, err := f.links(ctx)
	if err == nil {
		err = sourceOnly(links)
	}
	if err != nil {
		return exitError{err, exitTrouble}
	}
	log := c.logger()
	if log.GetLevel() == hclog.Info {
		log.SetLevel(hclog.Error) // the output is the report
	}
	clients := node.MirrorClients(log)
	same := true
	var reports []verifiedLink
	for _, link := range links {
		r, err := c.verifyLink(ctx, f, clients, link)
		if err != nil {
			return exitError{fmt.Errorf("%s: %w", link.name, err), exitTrouble}
		}
		same = same && r.same(f.ignoreMore)
		reports = append(reports, r)
	}
	if err := c.printVerified(f, reports); err != nil {
		return exitError{err, exitTrouble}
	}
	for _, r := range reports {
		if err := r.Err(); err != nil {
			return exitError{fmt.Errorf("%s: not all could be compared: %w", r.Link, err), exitTrouble}
		}
	}
	if !same {
		return exitError{errors.New("source and target differ"), exitDiffers}
	}
	return nil
}

// verifiedLink is the report of one link.
type verifiedLink struct {
	Link string `json:"link"`
	*mirror.VerifyReport
}

func (r verifiedLink) same(ignoreMore bool) bool {
	t := r.Total
	if ignoreMore {
		t.Extra = 0
	}
	return t.Same()
}

func (c cli) verifyLink(ctx context.Context, f *verifyFlags, clients mirror.Clients, link mirrorLink) (verifiedLink, error) {
	o := f.o
	o.Copied = link.copied
	p := &mirror.VerifyProgress{}
	if !f.quiet {
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.showVerify(ctx, link.name, p)
		}()
		defer func() { cancel(); <-done }()
	}
	r, err := mirror.Verify(ctx, clients, link.props, o, p)
	return verifiedLink{link.name, r}, err
}

// showVerify tells how far a comparison is until ctx ends.
func (c cli) showVerify(ctx context.Context, name string, p *mirror.VerifyProgress) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		fmt.Fprintf(c.stderr, "%s: %d of %d partitions compared, %d records of the source read, %d of the target\n",
			name, p.Done.Load(), p.Partitions.Load(), p.Read.Load(), p.TargetRead.Load())
	}
}

func (c cli) printVerified(f *verifyFlags, reports []verifiedLink) error {
	if !f.json {
		var b strings.Builder
		for _, r := range reports {
			r.text(&b)
		}
		return c.print([]byte(b.String()), nil)
	}
	return c.printJSON(map[string]any{"links": reports})
}
