package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/mirror"
	"github.com/connectd/connectd/internal/configprovider"
	"github.com/connectd/connectd/internal/mm2conf"
	"github.com/connectd/connectd/worker/workerconf"
)

// mirrorLink is the config of a MirrorSource that a command looks at.
type mirrorLink struct {
	name  string
	props map[string]string
	// beside are the configs of the MirrorCheckpoint and MirrorHeartbeat beside it, where they are known.
	beside []map[string]string
	// copied tells up to where partitions have been copied, where a worker told.
	copied map[connect.TopicPartition]int64
}

// linkArgs say where links come from: a running connector, a file with a connector's config, or a MirrorMaker file.
type linkArgs struct {
	args      []string
	overrides string // properties file over those of the links
}

const linkArgsUsage = `  http://host:8083 CONNECTOR    a connector of a running worker
  CONNECTOR.json                its config, as in a request: {"name": ..., "config": {...}}, or the config alone
  CONNECTOR.properties          its config as properties
  mm2.properties [A->B ...]     the enabled flows of a MirrorMaker file, or those named
`

// links loads the configs. References to config providers are resolved by the providers that the config or the overrides
// declare, and by file, dir and env if they declare none.
func (l linkArgs) links(ctx context.Context) ([]mirrorLink, error) {
	if len(l.args) == 0 {
		return nil, errors.New("name a connector by the URL of its worker and its name, or a file")
	}
	over, err := readConfig(l.overrides)
	if err != nil {
		return nil, err
	}
	var links []mirrorLink
	switch first := l.args[0]; {
	case strings.HasPrefix(first, "http://") || strings.HasPrefix(first, "https://"):
		if len(l.args) != 2 {
			return nil, fmt.Errorf("after %s comes the name of one connector", first)
		}
		var link mirrorLink
		link, err = runningLink(ctx, strings.TrimRight(first, "/"), l.args[1], over)
		links = []mirrorLink{link}
	default:
		links, err = fileLinks(first, l.args[1:], over)
	}
	if err != nil {
		return nil, err
	}
	return links, nil
}

// sourceOnly refuses what is no MirrorSource.
func sourceOnly(links []mirrorLink) error {
	for _, l := range links {
		if class := l.props["connector.class"]; class != "" && !strings.HasSuffix(strings.TrimSuffix(class, "Connector"), "MirrorSource") {
			return fmt.Errorf("%s is no MirrorSource: its connector.class is %s", l.name, class)
		}
	}
	return nil
}

// readConfig reads a properties or JSON file; no file is empty.
func readConfig(file string) (map[string]string, error) {
	if file == "" {
		return map[string]string{}, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a config: %w", err)
	}
	if !strings.HasPrefix(strings.TrimSpace(string(data)), "{") {
		props, err := workerconf.ParseProperties(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		return props, nil
	}
	var body struct {
		Name   string         `json:"name"`
		Config map[string]any `json:"config"`
	}
	err = numbersAsWritten(data, &body)
	if err == nil && body.Config == nil {
		err = numbersAsWritten(data, &body.Config)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	props := map[string]string{}
	for name, value := range body.Config {
		switch v := value.(type) {
		case string:
			props[name] = v
		case bool, json.Number:
			props[name] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s: the value of %s is no text", file, name)
		}
	}
	if body.Name != "" {
		props["name"] = body.Name
	}
	return props, nil
}

// numbersAsWritten decodes JSON, and leaves numbers as their text.
func numbersAsWritten(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(into)
}

// fileLinks are the links of a file.
func fileLinks(file string, flows []string, over map[string]string) ([]mirrorLink, error) {
	props, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	if _, is := props["clusters"]; is {
		return flowLinks(file, props, flows, over)
	}
	if len(flows) > 0 {
		return nil, fmt.Errorf("%s holds one connector; %q can't be chosen of it", file, flows)
	}
	maps.Copy(props, over)
	if props, err = resolved(props); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	name := props["name"]
	if name == "" {
		name = file
		props["name"] = file
	}
	return []mirrorLink{{name: name, props: props}}, nil
}

// flowLinks are the flows of a MirrorMaker file.
func flowLinks(file string, props map[string]string, only []string, over map[string]string) ([]mirrorLink, error) {
	maps.Copy(props, over)
	conf, err := mm2conf.Parse(props, mm2conf.Options{Resolve: resolved, OwnKeys: mirror.OwnKeys()})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var links []mirrorLink
	var names []string
	for _, f := range conf.Flows {
		if !conf.Enabled(f) {
			continue
		}
		names = append(names, f.String())
		if len(only) > 0 && !slices.Contains(only, f.String()) {
			continue
		}
		link := mirrorLink{name: f.String()}
		for _, connector := range []string{mm2conf.SourceConnector, mm2conf.CheckpointConnector, mm2conf.HeartbeatConnector} {
			props, err := resolved(conf.Connector(f, connector))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if link.props == nil {
				link.props = props
			} else {
				link.beside = append(link.beside, props)
			}
		}
		links = append(links, link)
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s: %s is no enabled flow; there are %s", file, name, strings.Join(names, ", "))
		}
	}
	if len(links) == 0 {
		return nil, fmt.Errorf("%s: no flow is enabled; set SOURCE->TARGET.enabled=true", file)
	}
	return links, nil
}

// resolved replaces references to config providers.
func resolved(props map[string]string) (map[string]string, error) {
	conf := props
	if props["config.providers"] == "" {
		conf = map[string]string{
			"config.providers": "file,dir,env", "config.providers.file.class": configprovider.FileClass,
			"config.providers.dir.class": configprovider.DirectoryClass, "config.providers.env.class": configprovider.EnvVarClass,
		}
	}
	providers, err := configprovider.New(conf, configprovider.Sources{ReadFile: os.ReadFile, LookupEnv: os.LookupEnv})
	if err != nil {
		return nil, err
	}
	out, _, err := providers.Resolve(props)
	return out, err
}

// runningLink asks a worker for a connector's config and offsets.
func runningLink(ctx context.Context, base, name string, over map[string]string) (mirrorLink, error) {
	link := mirrorLink{name: name}
	at := base + "/connectors/" + url.PathEscape(name)
	var props map[string]string
	if err := getJSON(ctx, at+"/config", &props); err != nil {
		return link, err
	}
	maps.Copy(props, over)
	var err error
	if link.props, err = resolved(props); err != nil {
		return link, fmt.Errorf("the config of %s: %w", name, err)
	}
	var body struct {
		Offsets []struct {
			Partition struct {
				Cluster   string `json:"cluster"`
				Topic     string `json:"topic"`
				Partition int32  `json:"partition"`
			} `json:"partition"`
			Offset struct {
				Offset *int64 `json:"offset"`
			} `json:"offset"`
		} `json:"offsets"`
	}
	if err := getJSON(ctx, at+"/offsets", &body); err != nil {
		return link, nil // a worker before Kafka 3.5; what is still to be copied is found out by what comes last
	}
	link.copied = map[connect.TopicPartition]int64{}
	for _, o := range body.Offsets {
		if o.Partition.Cluster == props["source.cluster.alias"] && o.Offset.Offset != nil {
			link.copied[connect.TopicPartition{Topic: o.Partition.Topic, Partition: o.Partition.Partition}] = *o.Offset.Offset + 1
		}
	}
	return link, nil
}

// getJSON asks a worker.
func getJSON(ctx context.Context, at string, into any) error {
	status, body, err := call(ctx, http.MethodGet, at, nil)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("%s answered %d: %s", redacted(at), status, strings.TrimSpace(string(body)))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", redacted(at), err)
	}
	return nil
}

// printJSON prints a document as people can read it too.
func (c cli) printJSON(doc any) error {
	enc := json.NewEncoder(c.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// redacted is an address without the password in it.
func redacted(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return "the worker"
	}
	return u.Redacted()
}
