package worker

import "github.com/hashicorp/go-hclog"

// For gives the logger of a room with values that stand in each line. Its level is always the room's present one, also
// when that is set later: hclog's own children keep the level that they were made with.
func (l *Logs) For(name string, args ...any) hclog.Logger {
	parent := l.Named(name)
	inner := parent.With(args...)
	inner.SetLevel(hclog.Trace)
	return child{Logger: inner, parent: parent}
}

// child writes what its parent's level lets through.
type child struct {
	hclog.Logger
	parent hclog.Logger
}

func (c child) enabled(l hclog.Level) bool { return l >= c.parent.GetLevel() }

func (c child) Log(l hclog.Level, msg string, args ...any) {
	if c.enabled(l) {
		c.Logger.Log(l, msg, args...)
	}
}

func (c child) Trace(msg string, args ...any) { c.Log(hclog.Trace, msg, args...) }
func (c child) Debug(msg string, args ...any) { c.Log(hclog.Debug, msg, args...) }
func (c child) Info(msg string, args ...any)  { c.Log(hclog.Info, msg, args...) }
func (c child) Warn(msg string, args ...any)  { c.Log(hclog.Warn, msg, args...) }
func (c child) Error(msg string, args ...any) { c.Log(hclog.Error, msg, args...) }

func (c child) IsTrace() bool { return c.enabled(hclog.Trace) }
func (c child) IsDebug() bool { return c.enabled(hclog.Debug) }
func (c child) IsInfo() bool  { return c.enabled(hclog.Info) }
func (c child) IsWarn() bool  { return c.enabled(hclog.Warn) }
func (c child) IsError() bool { return c.enabled(hclog.Error) }

func (c child) GetLevel() hclog.Level { return c.parent.GetLevel() }
func (c child) SetLevel(hclog.Level)  {} // the room's

func (c child) With(args ...any) hclog.Logger  { return child{c.Logger.With(args...), c.parent} }
func (c child) Named(name string) hclog.Logger { return child{c.Logger.Named(name), c.parent} }
func (c child) ResetNamed(name string) hclog.Logger {
	return child{c.Logger.ResetNamed(name), c.parent}
}
