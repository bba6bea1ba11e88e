package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/connectd/connectd/internal/clientconf"
	"github.com/connectd/connectd/internal/configprovider"
	"github.com/connectd/connectd/internal/inspect"
	"github.com/connectd/connectd/worker/workerconf"
	"github.com/hashicorp/go-hclog"
)

// topicsPlan is what connectd topics reads, and with which clients.
type topicsPlan struct {
	bootstrap       string
	group           string // empty: not known
	topics          map[inspect.Kind]string
	origins         map[inspect.Kind]string // the property or flag that names each topic
	consumer, admin map[string]string       // librdkafka settings
}

// topicNames are the topics' names in order.
func (p *topicsPlan) topicNames() []string {
	var out []string
	for _, kind := range inspect.Kinds {
		if name, has := p.topics[kind]; has {
			out = append(out, name)
		}
	}
	return out
}

// plan puts flags and files together. Its errors are the caller's to mend.
func (f *topicsFlags) plan(log hclog.Logger) (*topicsPlan, error) {
	worker, err := readProperties(f.file, log)
	if err != nil {
		return nil, err
	}
	over, err := readProperties(f.commandConfig, log)
	if err != nil {
		return nil, err
	}
	p := &topicsPlan{group: strings.TrimSpace(worker["group.id"]), topics: map[inspect.Kind]string{}, origins: map[inspect.Kind]string{}}
	if err := f.planTopics(p, worker); err != nil {
		return nil, err
	}
	client := maps.Clone(worker)
	maps.Copy(client, over)
	if f.bootstrap != "" {
		client["bootstrap.servers"] = f.bootstrap
	}
	p.bootstrap = strings.TrimSpace(client["bootstrap.servers"])
	if p.bootstrap == "" {
		return nil, fmt.Errorf("%s: bootstrap.servers is missing: give it there, or by -bootstrap-server", f.file)
	}
	if err := p.settings(client); err != nil {
		return nil, f.blame(err)
	}
	return p, nil
}

// blame names the files that a client property may be from.
func (f *topicsFlags) blame(err error) error {
	var files []string
	for _, file := range []string{f.file, f.commandConfig} {
		if file != "" {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return err
	}
	return fmt.Errorf("%s: %w", strings.Join(files, ", "), err)
}

// planTopics names the topics to be read: those asked for, else all with a worker's file and those that flags name without.
func (f *topicsFlags) planTopics(p *topicsPlan, worker map[string]string) error {
	for _, kind := range inspect.Kinds {
		from := topicProperties[kind]
		name, origin := strings.TrimSpace(worker[from.property]), from.property
		if *f.names[kind] != "" {
			name, origin = *f.names[kind], "-"+from.flag
		}
		if len(f.kinds) > 0 && !slices.Contains(f.kinds, kind) {
			continue
		}
		if name == "" {
			if len(f.kinds) == 0 && f.file == "" {
				continue
			}
			if f.file == "" {
				return fmt.Errorf("%s: name the topic by -%s", kind, from.flag)
			}
			return fmt.Errorf("%s: %s is missing: give it there, or by -%s", f.file, from.property, from.flag)
		}
		p.topics[kind], p.origins[kind] = name, origin
	}
	if len(p.topics) == 0 {
		return errors.New("-bootstrap-server goes with names of topics: at least one of -config-topic, -offset-topic and -status-topic")
	}
	return nil
}

// settings translates the client properties. Nothing in them may make the clients write: no group, no topics made.
func (p *topicsPlan) settings(props map[string]string) error {
	const id = "connectd-topics"
	consumer := clientconf.StoreConsumerProps(clientconf.ConfigStore, props, id, true)
	for _, name := range []string{"group.id", "group.instance.id", "group.protocol", "group.remote.assignor"} {
		delete(consumer, name)
	}
	consumer["allow.auto.create.topics"] = "false"
	consumer["isolation.level"] = "read_committed"
	c, err := clientconf.Translate(clientconf.Consumer, consumer, os.ReadFile)
	if err != nil {
		return err
	}
	a, err := clientconf.Translate(clientconf.Admin, clientconf.StoreAdminProps(props, id), os.ReadFile)
	if err != nil {
		return err
	}
	p.consumer, p.admin = c.Librdkafka, a.Librdkafka
	for _, s := range []map[string]string{p.consumer, p.admin} {
		delete(s, "group.id")
		s["allow.auto.create.topics"] = "false" // also for those that came by librdkafka.*
	}
	return nil
}

// readProperties reads a worker's or client's file, as far as connectd topics needs it, and looks up what config providers
// hold. References elsewhere in the file are left alone: their files may not be on this machine.
func readProperties(file string, log hclog.Logger) (map[string]string, error) {
	if file == "" {
		return map[string]string{}, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading properties: %w", err)
	}
	all, err := workerconf.ParseProperties(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	needed := map[string]string{}
	for name, value := range all {
		if needsProperty(name) {
			needed[name] = value
		}
	}
	providers, err := configprovider.New(all, configprovider.Sources{ReadFile: os.ReadFile, LookupEnv: os.LookupEnv})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	resolved, unresolved, err := providers.Resolve(needed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, ref := range unresolved {
		log.Warn("a config provider reference is left as it is", "file", file, "reference", ref)
	}
	return resolved, nil
}

func needsProperty(name string) bool {
	for _, p := range topicProperties {
		if name == p.property {
			return true
		}
	}
	return name == "group.id" || clientconf.IsClientProperty(clientconf.Consumer, name) || clientconf.IsClientProperty(clientconf.Admin, name)
}
