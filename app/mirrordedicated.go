package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/connectd/connectd/internal/node"
	"github.com/connectd/connectd/worker/workerconf"
)

// dedicated runs the flows of a MirrorMaker file until ctx ends.
func (c cli) dedicated(ctx context.Context, args []string) error {
	file, clusters, err := parseDedicated(args)
	if err != nil {
		return usageError{fmt.Errorf("mirror: %w", err)}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return usageError{fmt.Errorf("reading the properties of the mirror: %w", err)}
	}
	props, err := workerconf.ParseProperties(data)
	if err != nil {
		return usageError{fmt.Errorf("%s: %w", file, err)}
	}
	m, err := node.NewMirror(ctx, props, clusters, c.nodeOptions(c.logger()))
	if err != nil {
		return configFault(file, err)
	}
	return m.Run(ctx)
}

// parseDedicated reads the arguments of connect-mirror-maker.sh: a file, and --clusters with aliases that are separated by spaces
// or commas. The file may stand before the flag or last.
func parseDedicated(args []string) (file string, clusters []string, err error) {
	var plain []string
	into := &plain
	given := false
	for _, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		switch {
		case name == "--clusters" || name == "-clusters":
			given, into = true, &clusters
			if joined {
				clusters, into = append(clusters, value), &plain
			}
		case strings.HasPrefix(arg, "-"):
			return "", nil, fmt.Errorf("unknown flag %q; only --clusters, with aliases, is known", arg)
		default:
			*into = append(*into, arg)
		}
	}
	if len(plain) == 0 && len(clusters) > 1 {
		plain, clusters = clusters[len(clusters)-1:], clusters[:len(clusters)-1]
	}
	var aliases []string
	for _, list := range clusters {
		for alias := range strings.SplitSeq(list, ",") {
			if alias = strings.TrimSpace(alias); alias != "" {
				aliases = append(aliases, alias)
			}
		}
	}
	switch {
	case len(plain) != 1:
		return "", nil, fmt.Errorf("takes one properties file, such as mm2.properties; got %d", len(plain))
	case given && len(aliases) == 0:
		return "", nil, errors.New("--clusters needs the alias of at least one cluster")
	}
	return plain[0], aliases, nil
}
