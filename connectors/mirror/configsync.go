package mirror

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/connectd/connectd/internal/client"
)

const minInsync = "min.insync.replicas"

// configFilter selects the topic settings that are copied.
type configFilter struct {
	exclude pattern
	// sourceDefaults copies defaults of the source cluster too, instead of leaving those of the target
	// (use.defaults.from=source).
	sourceDefaults bool
}

// synced tells settings that may be copied at all.
func (f configFilter) synced(name string, e client.ConfigEntry) (bool, error) {
	if e.ReadOnly || e.Sensitive || e.Source == client.StaticBrokerConfig {
		return false, nil
	}
	excluded, err := f.exclude.matches(name)
	return !excluded && err == nil, err
}

// initial gives the settings with which a topic is created.
func (f configFilter) initial(source map[string]client.ConfigEntry) (map[string]string, error) {
	out := map[string]string{}
	for name, e := range source {
		synced, err := f.synced(name, e)
		if err != nil {
			return nil, err
		}
		if synced && (e.Source != client.DefaultConfig || f.sourceDefaults) {
			out[name] = e.Value
		}
	}
	return out, nil
}

// change says what makes the target's settings follow the source's. A setting that is a default on the source loses its
// value on the target, unless sourceDefaults; what the filter excludes stays as it is.
func (f configFilter) change(topic string, source, target map[string]client.ConfigEntry) (client.ConfigChange, error) {
	c := client.ConfigChange{Topic: topic, Set: map[string]string{}}
	for name, e := range source {
		if synced, err := f.synced(name, e); err != nil {
			return c, err
		} else if !synced {
			continue
		}
		t, known := target[name]
		own := known && t.Source == client.TopicConfig
		switch {
		case e.Source == client.DefaultConfig && !f.sourceDefaults:
			if own {
				c.Delete = append(c.Delete, name)
			}
		case !own || t.Value != e.Value:
			c.Set[name] = e.Value
		}
	}
	return c, nil
}

// saneInsync lowers min.insync.replicas of a topic that is to be made to its replication factor, without which nothing could
// be written to it. It tells whether it did.
func saneInsync(config map[string]string, replication int16) bool {
	n, err := strconv.ParseInt(config[minInsync], 10, 32)
	if err != nil || replication < 1 || n <= int64(replication) {
		return false
	}
	config[minInsync] = strconv.Itoa(int(replication))
	return true
}

// keepInsync changes ch so that min.insync.replicas of a topic that is there stays at most its replication factor, where the
// value comes from the source or is a default of the target. What somebody has set on the topic itself is left alone. It
// gives the value that is too high, or nothing.
func keepInsync(ch *client.ConfigChange, target map[string]client.ConfigEntry, replication int16, lowered bool) (high string) {
	now := target[minInsync]
	own := now.Source == client.TopicConfig
	sane := strconv.Itoa(int(replication))
	want, set := ch.Set[minInsync]
	switch {
	case replication < 1:
		return ""
	case set:
		high = want
	case !own:
		high = now.Value
	case lowered: // the default that shows without it is too high
		ch.Delete = slices.DeleteFunc(ch.Delete, func(name string) bool { return name == minInsync })
		return ""
	}
	if n, err := strconv.ParseInt(high, 10, 32); err != nil || n <= int64(replication) {
		return ""
	}
	delete(ch.Set, minInsync)
	if !own || now.Value != sane {
		ch.Set[minInsync] = sane
	}
	return high
}

// tellInsync says once for each topic that it gets a lower value.
func (c *connector) tellInsync(remote, value, high string) {
	if c.sane == nil {
		c.sane = map[string]string{}
	}
	if c.sane[remote] != value {
		c.sane[remote] = value
		c.log.Warn("a topic would need more replicas in sync than it has; min.insync.replicas is set to its replication factor", "topic", remote, "min.insync.replicas", value, "instead of", high)
	}
}

// syncConfigs makes the settings of copied topics follow their source's.
func (c *connector) syncConfigs(ctx context.Context) error {
	ctx, release, err := c.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	var names []string
	c.mu.Lock()
	for _, tp := range c.known { // in order of topics
		if len(names) == 0 || names[len(names)-1] != tp.Topic {
			names = append(names, tp.Topic)
		}
	}
	c.mu.Unlock()
	for some := range slices.Chunk(names, topicsPerRequest) {
		if err := c.syncSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// syncSome is syncConfigs for topics of the source.
func (c *connector) syncSome(ctx context.Context, names []string) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	remotes := make([]string, len(names))
	for i, name := range names {
		remotes[i] = c.s.remote(name)
	}
	src, err := c.src.TopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("source cluster %s: %w", c.s.source, err)
	}
	dst, err := c.dst.TopicConfigs(ctx, remotes...)
	if err != nil {
		return fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	var changes []client.ConfigChange
	for i, remote := range remotes {
		ch, err := c.s.configs.change(remote, src[names[i]], dst[remote])
		if err != nil {
			return err
		}
		if high := keepInsync(&ch, dst[remote], c.rf[remote], c.sane[remote] != ""); high != "" {
			c.tellInsync(remote, strconv.Itoa(int(c.rf[remote])), high)
		}
		if len(ch.Set)+len(ch.Delete) > 0 {
			changes = append(changes, ch)
		}
	}
	if len(changes) == 0 {
		return nil
	}
	failed, err := c.dst.AlterTopicConfigs(ctx, changes...)
	if err != nil {
		return fmt.Errorf("target cluster %s: %w", c.s.target, err)
	}
	for _, err := range failed {
		c.log.Warn("the settings of a topic can't be copied", "error", err)
	}
	return nil
}
