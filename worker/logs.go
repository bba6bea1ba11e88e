package worker

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/rest/api"
	"github.com/hashicorp/go-hclog"
)

// Logs are a worker's loggers: one for each room, with a level of its own that /admin/loggers shows and sets.
type Logs struct {
	root hclog.Logger

	mu    sync.Mutex
	named map[string]hclog.Logger
	// set tells when a level was set over REST or by another worker, in milliseconds since the epoch; wanted levels
	// also hold for loggers that are named later.
	set    map[string]int64
	levels map[string]hclog.Level
}

// rootLogger is the name of the logger above all others.
const rootLogger = "root"

// NewLogs makes the loggers' tree over a root, which should have IndependentLevels.
func NewLogs(root hclog.Logger) *Logs {
	return &Logs{
		root: root, named: map[string]hclog.Logger{}, set: map[string]int64{}, levels: map[string]hclog.Level{},
	}
}

// Named gives the logger of a room, the same each time.
func (l *Logs) Named(name string) hclog.Logger {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lg := l.named[name]; lg != nil {
		return lg
	}
	lg := l.root.Named(name)
	lg.SetLevel(l.levelFor(name))
	l.named[name] = lg
	return lg
}

// levelFor is the level of the nearest logger above that was set, else the root's.
func (l *Logs) levelFor(name string) hclog.Level {
	for n := name; n != ""; {
		if lv, ok := l.levels[n]; ok {
			return lv
		}
		i := strings.LastIndexByte(n, '.')
		if i < 0 {
			break
		}
		n = n[:i]
	}
	return l.root.GetLevel()
}

// levelNames are log4j's, which the REST API speaks.
var levelNames = map[string]hclog.Level{
	"OFF": hclog.Off, "FATAL": hclog.Error, "ERROR": hclog.Error, "WARN": hclog.Warn, "INFO": hclog.Info, "DEBUG": hclog.Debug,
	"TRACE": hclog.Trace, "ALL": hclog.Trace,
}

func levelName(l hclog.Level) string {
	switch l {
	case hclog.Off:
		return "OFF"
	case hclog.Error:
		return "ERROR"
	case hclog.Warn:
		return "WARN"
	case hclog.Debug:
		return "DEBUG"
	case hclog.Trace:
		return "TRACE"
	}
	return "INFO"
}

// KnownLevel tells whether a level can be set.
func KnownLevel(level string) bool {
	_, ok := levelNames[strings.ToUpper(level)]
	return ok
}

// Set sets the level of a logger and of all below it, and returns the names of those that changed. A logger that was not
// known is from then on, as in Java. An unknown level changes nothing.
func (l *Logs) Set(name, level string) []string {
	lv, ok := levelNames[strings.ToUpper(level)]
	if !ok {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now().UnixMilli()
	var changed []string
	if name != rootLogger && l.named[name] == nil && l.levelFor(name) != lv {
		changed = append(changed, name)
	}
	// What was set below does not outlive this, for loggers named later either.
	maps.DeleteFunc(l.levels, func(n string, _ hclog.Level) bool {
		return name == rootLogger || strings.HasPrefix(n, name+".")
	})
	if name == rootLogger {
		l.root.SetLevel(lv)
		l.set[rootLogger] = now
		changed = append(changed, rootLogger)
	} else {
		l.levels[name] = lv
		l.set[name] = now
	}
	for n, lg := range l.named {
		if name != rootLogger && n != name && !strings.HasPrefix(n, name+".") {
			continue
		}
		if lg.GetLevel() != lv {
			lg.SetLevel(lv)
			l.set[n] = now
			changed = append(changed, n)
		}
	}
	slices.Sort(changed)
	return changed
}

// All lists every logger's level.
func (l *Logs) All() map[string]api.LoggerLevel {
	l.mu.Lock()
	names := slices.AppendSeq(slices.Collect(maps.Keys(l.named)), maps.Keys(l.levels))
	l.mu.Unlock()
	out := map[string]api.LoggerLevel{}
	for _, n := range append(names, rootLogger) {
		out[n], _ = l.Get(n)
	}
	return out
}

// Get gives the level of a logger; false when there is none of that name, nor was its level ever set.
func (l *Logs) Get(name string) (api.LoggerLevel, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lv, known := l.levels[name]
	if name == rootLogger {
		lv, known = l.root.GetLevel(), true
	} else if lg := l.named[name]; lg != nil {
		lv, known = lg.GetLevel(), true
	}
	if !known {
		return api.LoggerLevel{}, false
	}
	out := api.LoggerLevel{Level: levelName(lv)}
	if at, ok := l.set[name]; ok {
		out.LastModified = &at
	}
	return out, true
}
