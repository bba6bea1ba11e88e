// Command docgen writes the pages under docs/ that follow from declarations in the code, so that they cannot drift: run
// it by `make docs`. A test fails while a page is stale.
//
// To document one more definition add a section to configuration. The command must not read anything but the
// declarations: a page depends on the code alone.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/file"
	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/worker/connconf"
	"github.com/connectd/connectd/worker/workerconf"
)

//go:generate go run . -dir ../../docs

// section is one definition on a page.
type section struct {
	title string
	intro string
	def   *config.Def
}

// configuration lists what docs/configuration.md documents, in order.
func configuration() []section {
	return []section{
		{
			title: "Worker",
			intro: "Properties of the file given to `connectd distributed`. It is the file that Java's `connect-distributed.sh` takes: names, " +
				"types and defaults are those of Apache Kafka 4.3. Client properties at the top of the file hold for the worker's own clients; " +
				"`producer.*`, `consumer.*` and `admin.*` hold for those of connectors. Unknown properties are warned about, wrong ones stop the " +
				"worker, which then names all of them at once.",
			def: workerconf.Def(),
		},
		{
			title: "Source connectors",
			intro: "Properties of every source connector, besides its own. Names, types and defaults are those of Kafka Connect 4.3. " +
				"`producer.override.*` and `admin.override.*` change the settings of the connector's clients as far as the worker's " +
				"`connector.client.config.override.policy` allows it.",
			def: connconf.SourceDef(),
		},
		{
			title: "Topic creation groups",
			intro: "Settings below `topic.creation.NAME.`, where NAME is `default` or one of `topic.creation.groups`. Any other name below the " +
				"prefix is a setting of the topics themselves, such as `cleanup.policy`.",
			def: connconf.TopicCreationDef(),
		},
		{
			title: "Sink connectors",
			intro: "Properties of every sink connector, besides its own. `consumer.override.*` changes the settings of its consumers, " +
				"`producer.override.*` and `admin.override.*` those of the clients for a dead letter queue.",
			def: connconf.SinkDef(),
		},
		{
			title: "Transformations and predicates",
			intro: "Settings below `transforms.NAME.`, besides [those of the transformation itself](transformations.md). Predicates have `type` " +
				"and `plugin.version` below `predicates.NAME.`.",
			def: connconf.TransformDef(),
		},
		{
			title: "MirrorSource",
			intro: "Copies topics of another cluster. Class `org.apache.kafka.connect.mirror.MirrorSourceConnector`. Properties below " +
				"`source.cluster.` and `target.cluster.` are settings of the clients for each.",
			def: mirror.SourcePlugin(nil).Config,
		},
		{
			title: "MirrorSource additions",
			intro: "Properties that Kafka's connector does not have; see [mirroring.md](mirroring.md). `plan.enabled` is for the other mirrors, too.",
			def:   mirror.OwnDef(),
		},
		{
			title: "MirrorCheckpoint",
			intro: "Translates the positions of consumer groups to the target of a mirror. Class " +
				"`org.apache.kafka.connect.mirror.MirrorCheckpointConnector`. `topics` and `topics.exclude`, with MirrorSource's meaning and " +
				"defaults, say in which topics. See [mirroring.md](mirroring.md#groups-and-offsets).",
			def: mirror.CheckpointPlugin(nil).Config,
		},
		{
			title: "MirrorHeartbeat",
			intro: "Writes heartbeats to the target of a mirror. Class `org.apache.kafka.connect.mirror.MirrorHeartbeatConnector`.",
			def:   mirror.HeartbeatPlugin(nil).Config,
		},
		{
			title: "FileStreamSource",
			intro: "Reads lines of a file, or of standard input, into a topic. Class `org.apache.kafka.connect.file.FileStreamSourceConnector`.",
			def:   file.SourcePlugin().Config,
		},
		{
			title: "FileStreamSink",
			intro: "Writes the values of records to a file, or to standard output. Class `org.apache.kafka.connect.file.FileStreamSinkConnector`.",
			def:   file.SinkPlugin().Config,
		},
	}
}

// pages returns every generated page by file name.
func pages() map[string]string {
	return map[string]string{
		"configuration.md":   render("Configuration reference", configuration()),
		"metrics.md":         metricsPage(),
		"transformations.md": render("Transformations and predicates", transformations()),
	}
}

func render(title string, sections []section) string {
	var b strings.Builder
	b.WriteString("<!-- Generated from the definitions in the code by `make docs`; edits are lost. -->\n\n")
	fmt.Fprintf(&b, "# %s\n\n", title)
	for _, s := range sections {
		fmt.Fprintf(&b, "- [%s](#%s)\n", s.title, anchor(s.title))
	}
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s", s.title, s.intro, strings.TrimSuffix(s.def.Markdown(3), "\n"))
	}
	return b.String()
}

// anchor is the fragment under which a heading is found on the usual Markdown sites.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(heading), " ", "-")
}

func main() {
	dir := flag.String("dir", "docs", "where to write the pages")
	flag.Parse()
	for name, text := range pages() {
		if err := os.WriteFile(filepath.Join(*dir, name), []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "docgen:", err)
			os.Exit(1)
		}
	}
}
