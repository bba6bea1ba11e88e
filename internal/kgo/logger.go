package kgoclient

import (
	"fmt"

	"github.com/hashicorp/go-hclog"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Logger lets franz-go log through log, whose level may change at run time.
func Logger(log hclog.Logger) kgo.Logger { return logger{log} }

type logger struct{ log hclog.Logger }

func (l logger) Level() kgo.LogLevel {
	switch {
	case l.log.IsDebug():
		return kgo.LogLevelDebug
	case l.log.IsInfo():
		return kgo.LogLevelInfo
	case l.log.IsWarn():
		return kgo.LogLevelWarn
	case l.log.IsError():
		return kgo.LogLevelError
	default:
		return kgo.LogLevelNone
	}
}

// Log lowers franz-go's own information to debug: it tells of connections and metadata, not of Connect.
func (l logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	switch level {
	case kgo.LogLevelError:
		l.log.Error(msg, keyvals...)
	case kgo.LogLevelWarn:
		l.log.Warn(msg, keyvals...)
	default:
		l.log.Debug(msg, keyvals...)
	}
}

type fakeLogger struct{ log hclog.Logger }

func (l fakeLogger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch {
	case level == kfake.LogLevelError:
		l.log.Error(fmt.Sprintf(format, args...))
	case level == kfake.LogLevelWarn:
		l.log.Warn(fmt.Sprintf(format, args...))
	case l.log.IsTrace():
		l.log.Trace(fmt.Sprintf(format, args...))
	}
}
