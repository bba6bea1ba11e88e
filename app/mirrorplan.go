package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/internal/node"
	"github.com/hashicorp/go-hclog"
)

const mirrorPlanUsage = `Usage: connectd mirror --plan [flags] LINK

Lists what a link would create, change and copy, in both clusters, and writes nothing. LINK is one of

` + linkArgsUsage + `
Flags:
`

// plannedLink is the plan of one link.
type plannedLink struct {
	Link  string            `json:"link"`
	Items []mirror.PlanItem `json:"items"`
}

// mirrorPlan prints what links would do.
func (c cli) mirrorPlan(ctx context.Context, args []string) error {
	var l linkArgs
	var asJSON bool
	timeout := 2 * time.Minute
	fs := flag.NewFlagSet("connectd mirror --plan", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the caller prints errors, once
	fs.StringVar(&l.overrides, "config", "", "properties `file` over those of the link, such as addresses that hold from here, or passwords")
	fs.BoolVar(&asJSON, "json", false, "print a JSON document")
	fs.DurationVar(&timeout, "timeout", timeout, "how long to wait for the clusters")
	if err := parseMixed(fs, args, &l.args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(c.stdout, mirrorPlanUsage)
		fs.SetOutput(c.stdout)
		fs.PrintDefaults()
		return nil
	} else if err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	links, err := l.links(ctx)
	if err != nil {
		return usageError{err}
	}
	log := c.logger()
	if log.GetLevel() == hclog.Info {
		log.SetLevel(hclog.Error) // the output is the plan
	}
	var plans []plannedLink
	for _, link := range links {
		p, err := planLink(ctx, node.MirrorClients(log), link)
		if err != nil {
			return fmt.Errorf("%s: %w", link.name, err)
		}
		plans = append(plans, p)
	}
	if asJSON {
		return c.printJSON(map[string]any{"links": plans})
	}
	return c.print([]byte(planText(plans)), nil)
}

// planLink plans a link's MirrorSource, and what runs beside it where that is known.
func planLink(ctx context.Context, clients mirror.Clients, link mirrorLink) (plannedLink, error) {
	p := plannedLink{Link: link.name, Items: []mirror.PlanItem{}}
	for _, props := range append([]map[string]string{link.props}, link.beside...) {
		items, err := mirror.Plan(ctx, clients, maps.Clone(props))
		if err != nil {
			return p, err
		}
		p.Items = append(p.Items, items...)
	}
	return p, nil
}

func planText(plans []plannedLink) string {
	var b strings.Builder
	for _, p := range plans {
		b.WriteString(p.Link + "\n")
		for _, i := range p.Items {
			b.WriteString("  " + i.String() + "\n")
		}
		if len(p.Items) == 0 {
			b.WriteString("  nothing to do\n")
		}
	}
	b.WriteString("Nothing was written.\n")
	return b.String()
}
