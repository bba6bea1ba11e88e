package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/connectd/connectd/rest/api"
)

const statusUsage = `Usage: connectd mirror status [flags] <rest-url> [connector...]

Shows how far mirrors are: all connectors of a Connect cluster that tell, or those named. The URL is that of any worker, such as
http://localhost:8083, or https://user:password@host:8443.

Exit codes: 0 everything goes on, 1 something waits, can't be asked or has failed, 2 wrong arguments.

`

// statusFlags are the arguments of connectd mirror status.
type statusFlags struct {
	url        *url.URL
	connectors []string
	watch      bool
	interval   time.Duration
	json       bool
	all        bool
	user       string
	cacert     string
	insecure   bool
}

func (c cli) parseStatus(args []string) (*statusFlags, error) {
	f := &statusFlags{}
	fs := flag.NewFlagSet("connectd mirror status", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the caller prints errors, once
	fs.BoolVar(&f.watch, "watch", false, "show it again and again, until interrupted")
	fs.DurationVar(&f.interval, "interval", 2*time.Second, "how long to wait before showing it again, with -watch")
	fs.BoolVar(&f.json, "json", false, "print a JSON document; with -watch one in each line")
	fs.BoolVar(&f.all, "all", false, "list all partitions, not only those that are furthest behind")
	fs.StringVar(&f.user, "user", "", "`name:password` for basic authentication, if not in the URL")
	fs.StringVar(&f.cacert, "cacert", "", "PEM `file` with the authorities to trust for https, instead of the system's")
	fs.BoolVar(&f.insecure, "insecure", false, "accept any certificate")
	if err := f.parse(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(c.stdout, statusUsage)
			fs.SetOutput(c.stdout)
			fs.PrintDefaults()
			return nil, err
		}
		return nil, usageError{fmt.Errorf("mirror status: %w", err)}
	}
	return f, nil
}

// parse takes flags and arguments in any order.
func (f *statusFlags) parse(fs *flag.FlagSet, args []string) error {
	for {
		if err := fs.Parse(args); err != nil {
			return err
		}
		if fs.NArg() == 0 {
			break
		}
		if f.url == nil {
			u, err := url.Parse(fs.Arg(0))
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return errors.New("the first argument is the REST URL of a worker, such as http://localhost:8083")
			}
			f.url = u
		} else {
			f.connectors = append(f.connectors, fs.Arg(0))
		}
		args = fs.Args()[1:]
	}
	switch {
	case f.url == nil:
		return errors.New("it needs the REST URL of a worker, such as http://localhost:8083")
	case f.interval <= 0:
		return fmt.Errorf("-interval=%v: it must be more than 0, such as 2s", f.interval)
	}
	if f.user != "" {
		name, password, ok := strings.Cut(f.user, ":")
		if !ok {
			return errors.New("-user takes name:password")
		}
		f.url.User = url.UserPassword(name, password)
	}
	return nil
}

// statusClient asks a worker.
type statusClient struct {
	base *url.URL
	http *http.Client
}

func newStatusClient(f *statusFlags) (*statusClient, error) {
	conf := &tls.Config{InsecureSkipVerify: f.insecure} // by request
	if f.cacert != "" {
		pem, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, fmt.Errorf("-cacert: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-cacert: %s holds no certificate in PEM form", f.cacert)
		}
	}
	return &statusClient{base: f.url, http: &http.Client{
		Transport: &http.Transport{TLSClientConfig: conf, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1},
		Timeout:   30 * time.Second,
	}}, nil
}

// get reads one JSON answer. Errors do not show the password that the URL may hold.
func (s *statusClient) get(ctx context.Context, into any, path ...string) error {
	target := s.base.JoinPath(path...)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return fmt.Errorf("asking %s: %w", target.Redacted(), err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("asking %s: %w", target.Redacted(), err)
	}
	if resp.StatusCode != http.StatusOK {
		var failure api.ErrorBody
		if json.Unmarshal(body, &failure) != nil || failure.Message == "" {
			failure.Message = strings.TrimSpace(string(body[:min(len(body), 200)]))
		}
		return fmt.Errorf("asking %s: %s: %s", target.Redacted(), resp.Status, failure.Message)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("asking %s: the answer is not what a connectd worker says: %w", target.Redacted(), err)
	}
	return nil
}

// progress asks for the connectors named, or for all of which there is something to tell.
func (s *statusClient) progress(ctx context.Context, names []string) (mirrorStatus, error) {
	named := len(names) > 0
	if !named {
		if err := s.get(ctx, &names, "connectors"); err != nil {
			return mirrorStatus{}, err
		}
	}
	var out mirrorStatus
	for _, name := range names {
		var p api.ConnectorProgress
		if err := s.get(ctx, &p, "connectors", url.PathEscape(name), "progress"); err != nil {
			return mirrorStatus{}, err
		}
		if !named && len(p.Partitions) == 0 && p.Message != "" {
			continue // not a mirror
		}
		out.Connectors = append(out.Connectors, newConnectorStatus(p))
	}
	return out, nil
}

// mirrorStatus shows how far mirrors are.
func (c cli) mirrorStatus(ctx context.Context, args []string) error {
	f, err := c.parseStatus(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	client, err := newStatusClient(f)
	if err != nil {
		return usageError{err}
	}
	defer client.http.CloseIdleConnections()
	if f.watch {
		return c.watchStatus(ctx, f, client)
	}
	st, err := client.progress(ctx, f.connectors)
	if err != nil {
		return err
	}
	if err := c.printStatus(f, st); err != nil {
		return err
	}
	return st.trouble()
}

func (c cli) printStatus(f *statusFlags, st mirrorStatus) error {
	if f.json {
		return c.print(st.json())
	}
	return c.print([]byte(st.text(f.all)), nil)
}

// watchStatus shows it until ctx ends: in a terminal always in the same place. What can't be asked at the moment is shown too.
func (c cli) watchStatus(ctx context.Context, f *statusFlags, client *statusClient) error {
	out := c
	if isTerminal(c.stdout) && !f.json {
		out.stdout = &screen{w: c.stdout}
	}
	for {
		st, err := client.progress(ctx, f.connectors)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			err = out.printStatus(f, st)
		case f.json:
			_, err = fmt.Fprintln(c.stderr, err)
		default:
			_, err = fmt.Fprintln(out.stdout, err)
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(f.interval):
		case <-ctx.Done():
			return nil
		}
	}
}

func isTerminal(w io.Writer) bool {
	f, is := w.(*os.File)
	if !is {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// screen writes each text over the one before, by the control sequences that terminals share.
type screen struct{ w io.Writer }

func (s *screen) Write(b []byte) (int, error) {
	text := "\x1b[H" + strings.ReplaceAll(string(b), "\n", "\x1b[K\n") + "\x1b[J"
	if _, err := io.WriteString(s.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}
