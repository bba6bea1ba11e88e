package workerconf

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/connectd/connectd/connect/config"
)

// check looks at what Java's ConfigDef lets pass but a worker later stumbles over: better to say so at once, by name.
func (p *parser) check(c *Config) {
	p.checkBootstrap(c)
	p.checkGroup(c)
	p.checkSessionKeys()
	p.checkStorage(c)
	p.checkTimes()
	p.checkREST()
	if policy := p.values.String(policyKey); p.sound(policyKey) && c.ClientOverridePolicy == "" {
		p.fail(config.Invalid(policyKey, policy, "must be one of: All, None, Principal, Allowlist"))
	}
}

// bootstrapAddress is how Java's clients read an address; a scheme in front is allowed and ignored.
var bootstrapAddress = regexp.MustCompile(`^(?:[a-zA-Z][a-zA-Z\d+\-.]*://)?\[?[0-9a-zA-Z\-%._:]+\]?:[0-9]+$`)

func (p *parser) checkBootstrap(c *Config) {
	for _, address := range c.BootstrapServers {
		if !bootstrapAddress.MatchString(address) {
			p.fail(config.Invalid("bootstrap.servers", address, "Invalid url in bootstrap.servers; expected host:port"))
		}
	}
}

func (p *parser) checkGroup(c *Config) {
	if p.sound("group.id") && c.GroupID == "" {
		p.fail(config.Invalid("group.id", "", "String must be non-empty"))
	}
	if p.sound("session.timeout.ms", "heartbeat.interval.ms") && c.SessionTimeout > 0 && c.HeartbeatInterval >= c.SessionTimeout {
		beat, _ := p.values.Get("heartbeat.interval.ms")
		p.fail(config.Invalid("heartbeat.interval.ms", beat, fmt.Sprintf(
			"Heartbeat must be set lower than the session timeout, session.timeout.ms=%d", c.SessionTimeout.Milliseconds())))
	}
}

func (p *parser) checkSessionKeys() {
	const (
		keyAlgorithm = "inter.worker.key.generation.algorithm"
		keySize      = "inter.worker.key.size"
		signature    = "inter.worker.signature.algorithm"
		verification = "inter.worker.verification.algorithms"
	)
	if p.sound(keyAlgorithm, keySize) && !p.values.IsNull(keySize) {
		algorithm, size := p.values.String(keyAlgorithm), p.values.Int(keySize)
		_, err := KeyBits(algorithm, size)
		if size == 0 {
			err = fmt.Errorf("key length must be at least 40 bits")
		}
		if err != nil {
			p.fail(config.Invalid(keySize, size, fmt.Sprintf("Unable to create key generator with algorithm %s and key size %d: %s",
				algorithm, size, err)))
		}
	}
	if p.sound(signature, verification) && !slices.Contains(p.values.List(verification), p.values.String(signature)) {
		p.fail(config.Invalid(signature, p.values.String(signature),
			fmt.Sprintf("Signature algorithm must be present in %s list", verification)))
	}
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func (p *parser) checkStorage(c *Config) {
	topics := map[string]string{}
	for _, prefix := range []string{configStoragePrefix, offsetStoragePrefix, statusStoragePrefix} {
		key := prefix + "topic"
		name := p.values.String(key)
		if !p.sound(key) {
			continue
		}
		if !topicName.MatchString(name) || name == "." || name == ".." {
			p.fail(config.Invalid(key, name, "a topic name has 1 to 249 ASCII letters, digits, '.', '_' and '-'"))
			continue
		}
		if other, taken := topics[name]; taken {
			p.warnf(key, "%s and %s name the same topic %s; each should have its own", other, key, name)
		}
		topics[name] = key
		if policy, ok := p.raw[prefix+"cleanup.policy"]; ok {
			p.warnf(prefix+"cleanup.policy", "Ignoring '%scleanup.policy=%s' setting, since compaction is always used", prefix, policy)
		}
	}
	if n, ok := p.raw[configStoragePrefix+"partitions"]; ok {
		p.warnf(configStoragePrefix+"partitions", "Ignoring '%spartitions=%s' setting, since config topic partitions is always 1", configStoragePrefix, n)
	}
}

// checkTimes refuses times that make no sense but that Java's definition has no bound for.
func (p *parser) checkTimes() {
	for _, bound := range []struct {
		name string
		min  int64
	}{
		{"session.timeout.ms", 1},
		{"heartbeat.interval.ms", 1},
		{"rebalance.timeout.ms", 1},
		{"offset.flush.interval.ms", 1},
		{"offset.flush.timeout.ms", 0},
		{"task.shutdown.graceful.timeout.ms", 0},
		{"worker.sync.timeout.ms", 0},
		{"worker.unsync.backoff.ms", 0},
	} {
		if !p.sound(bound.name) {
			continue
		}
		value, _ := p.values.Get(bound.name)
		if err := config.AtLeast(bound.min).Validate(bound.name, value); err != nil {
			p.errs = append(p.errs, config.Errors(err)...)
		}
	}
}

func (p *parser) checkConverters(c *Config, known func(string) bool) {
	if known == nil {
		return
	}
	for _, key := range []struct{ name, class string }{
		{"key.converter", c.KeyConverter.Class},
		{"value.converter", c.ValueConverter.Class},
		{"header.converter", c.HeaderConverter.Class},
	} {
		if p.sound(key.name) && !known(key.class) {
			p.fail(config.Invalid(key.name, key.class, fmt.Sprintf("Class %s could not be found.", key.class)))
		}
	}
}
