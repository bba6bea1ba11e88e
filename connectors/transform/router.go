package transform

import (
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

var regexRouterDef = config.New(
	config.Key{Name: "regex", Importance: config.High, Validator: validRegex, Doc: "A regular expression. Topics whose whole name matches it are renamed."},
	config.Key{
		Name: "replacement", Importance: config.High,
		Doc: "What takes the place of the match. `$1` and `${name}` stand for groups of the expression, a backslash takes the meaning from the character after it.",
	},
)

func regexRouter(v config.Values) (apply, error) {
	p, err := compile(v.String("regex"))
	if err != nil {
		return nil, config.Invalid("regex", v.String("regex"), err.Error())
	}
	to, wrong := p.parseReplacement(v.String("replacement"))
	return func(rec *connect.Transformable) (bool, error) {
		if matches, err := p.MatchString(rec.Topic); !matches || err != nil {
			return err == nil, err
		}
		if wrong != nil { // as in Java, the fault of the first record that matches
			return false, wrong
		}
		topic, err := p.replaceFirst(rec.Topic, to)
		if err != nil {
			return false, err
		}
		rec.Topic = topic
		return true, nil
	}, nil
}

var timestampRouterDef = config.New(
	config.Key{
		Name: "topic.format", Default: "${topic}-${timestamp}", Importance: config.High,
		Doc: "The new name. `${topic}` stands for the topic, `${timestamp}` for the record's time.",
	},
	config.Key{
		Name: "timestamp.format", Default: "yyyyMMdd", Importance: config.High,
		Doc: "How the time is written, in UTC: a pattern of Java's `SimpleDateFormat`.",
	},
)

func timestampRouter(now func() time.Time) func(config.Values) (apply, error) {
	return func(v config.Values) (apply, error) {
		format, err := newDateFormat(v.String("timestamp.format"), now())
		if err != nil {
			return nil, config.Invalid("timestamp.format", v.String("timestamp.format"), err.Error())
		}
		name := v.String("topic.format")
		return func(rec *connect.Transformable) (bool, error) {
			if rec.TimestampMs < 0 {
				return false, javaError("Timestamp missing on record of topic %s", rec.Topic)
			}
			withTopic := strings.ReplaceAll(name, "${topic}", rec.Topic)
			rec.Topic = strings.ReplaceAll(withTopic, "${timestamp}", format.format(rec.TimestampMs))
			return true, nil
		}, nil
	}
}
