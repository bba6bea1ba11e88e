// Package file holds FileStreamSource, which reads a file line by line, and FileStreamSink, which appends lines to one:
// the shortest honest source and sink, under the class names and with the properties of Kafka's own.
//
// It touches files, standard input and standard output, nothing else. Where Kafka's source counts characters in its
// position, this one counts bytes, so that a file with characters beyond ASCII resumes at the right place.
package file

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/config"
)

const (
	packageName = "org.apache.kafka.connect.file."
	version     = "4.3.1" // of the Kafka release whose connectors these are like
)

// Names of the properties.
const (
	propFile  = "file"
	propTopic = "topic"
	propBatch = "batch.size"
)

// Register hands both connectors to a registrar.
func Register(r connect.Registrar) {
	r.Connector(SourcePlugin())
	r.Connector(SinkPlugin())
}

// SourcePlugin describes FileStreamSource.
func SourcePlugin() connect.ConnectorPlugin {
	return connect.ConnectorPlugin{
		Class: packageName + "FileStreamSourceConnector", TaskClass: packageName + "FileStreamSourceTask",
		Version: version, Type: connect.Source, Config: sourceConfig(),
		New:           func() connect.Connector { return &connector{def: sourceConfig(), single: true} },
		NewSourceTask: func() connect.SourceTask { return &sourceTask{openStdin: openStdin} },
	}
}

// SinkPlugin describes FileStreamSink.
func SinkPlugin() connect.ConnectorPlugin {
	return connect.ConnectorPlugin{
		Class: packageName + "FileStreamSinkConnector", TaskClass: packageName + "FileStreamSinkTask",
		Version: version, Type: connect.Sink, Config: sinkConfig(),
		New:         func() connect.Connector { return &connector{def: sinkConfig()} },
		NewSinkTask: func() connect.SinkTask { return &sinkTask{} },
	}
}

func sourceConfig() *config.Def {
	return config.New(
		config.Key{Name: propFile, HasDefault: true, Importance: config.High, Doc: "Source filename. If not specified, the standard input will be used"},
		config.Key{Name: propTopic, Validator: config.NonEmpty(), Importance: config.High, Doc: "The topic to publish data to"},
		config.Key{
			Name: propBatch, Type: config.TypeInt, Default: int32(2000), Importance: config.Low,
			Doc: "The maximum number of records the source task can read from the file each time it is polled",
		},
	)
}

func sinkConfig() *config.Def {
	return config.New(config.Key{
		Name: propFile, HasDefault: true, Importance: config.High,
		Doc: "Destination filename. If not specified, the standard output will be used",
	})
}
