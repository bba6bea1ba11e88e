package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// mirrorCommands are what connectd mirror can do, by its first argument. One whose name begins with - is chosen by that flag,
// wherever it stands; one without a name gets all other arguments. Each parses its own.
func (c cli) mirrorCommands() []command {
	return []command{
		{"--plan", "[flags] LINK", "list what a link would create, change and copy, without writing anything; see mirror --plan -h", c.mirrorPlan},
		{"verify", "[flags] LINK", "compare source and target of a link record by record; see mirror verify -h", c.verify},
		{"status", "[flags] <rest-url> [connector...]", "show how far mirrors are, once or live; see mirror status -h", c.mirrorStatus},
		{"", "<mm2.properties> [--clusters ALIAS...]", "run the flows of a file of connect-mirror-maker.sh, or those into some clusters", c.dedicated},
	}
}

// mirror carries out connectd mirror.
func (c cli) mirror(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return usageError{fmt.Errorf("mirror needs to be told what to do\n\n%s", c.mirrorUsage())}
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		return c.print([]byte(c.mirrorUsage()), nil)
	}
	for _, cmd := range c.mirrorCommands() {
		if rest, chosen := chooses(cmd.name, args); chosen {
			return cmd.run(ctx, rest)
		}
	}
	return usageError{fmt.Errorf("unknown arguments %q\n\n%s", args, c.mirrorUsage())}
}

// chooses tells whether args are for the command of this name, and gives the rest of them.
func chooses(name string, args []string) ([]string, bool) {
	switch {
	case name == "":
		return args, true
	case !strings.HasPrefix(name, "-"):
		return args[1:], args[0] == name
	}
	flag := strings.TrimLeft(name, "-")
	at := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") && strings.TrimLeft(a, "-") == flag })
	if at < 0 {
		return args, false
	}
	return slices.Delete(slices.Clone(args), at, at+1), true
}

func (c cli) mirrorUsage() string {
	var b strings.Builder
	b.WriteString("Usage:\n\n")
	for _, cmd := range c.mirrorCommands() {
		fmt.Fprintf(&b, "  connectd mirror %s\n        %s\n", strings.TrimSpace(cmd.name+" "+cmd.args), cmd.help)
	}
	return b.String()
}
