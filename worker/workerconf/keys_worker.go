package workerconf

import "github.com/connectd/connectd/connect/config"

// Def returns the definition of a distributed worker's properties, in the order in which Java declares them.
func Def() *config.Def {
	d := config.New(workerKeys()...)
	d.Define(config.ClientSSLKeys()...)
	d.Define(topicTrackingKeys()...)
	d.Define(restKeys()...)
	d.Define(groupKeys()...)
	d.Define(clientKeys()...)
	d.Define(config.ClientSASLKeys()...)
	d.Define(syncKeys()...)
	d.Define(storageKeys()...)
	d.Define(protocolKeys()...)
	return d.Define(metadataRecoveryKeys()...)
}

// optional declares a key that may be absent and then has no value.
func optional(name string, t config.Type, importance config.Importance, doc string) config.Key {
	return config.Key{Name: name, Type: t, HasDefault: true, Importance: importance, Doc: doc}
}

func workerKeys() []config.Key {
	return []config.Key{
		{
			Name: "bootstrap.servers", Type: config.TypeList, Validator: config.AnyList(false, false), Importance: config.High,
			Doc: "Brokers of the Kafka cluster that holds the worker's group and internal topics, and in which connectors read or " +
				"write unless they say otherwise: a comma-separated list of `host:port`. A few are enough, all others are found through them.",
		},
		{
			Name: "client.dns.lookup", Default: "use_all_dns_ips", Importance: config.Medium,
			Validator: config.OneOf("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"),
			Doc:       "How host names of brokers are resolved.",
		},
		{
			Name: "key.converter", Type: config.TypeClass, Importance: config.High,
			Doc: "Converter of record keys between Connect's data and the bytes in Kafka, by its Java class name. Connectors may override it. " +
				"Properties `key.converter.*` are given to it without the prefix.",
		},
		optional("key.converter.plugin.version", config.TypeString, config.Low, "Version of the key converter. Plugins are compiled in, so there is one version only."),
		{
			Name: "value.converter", Type: config.TypeClass, Importance: config.High,
			Doc: "Converter of record values, as `key.converter` is of keys. Properties `value.converter.*` are given to it without the prefix.",
		},
		optional("value.converter.plugin.version", config.TypeString, config.Low, "Version of the value converter. Plugins are compiled in, so there is one version only."),
		{
			Name: "task.shutdown.graceful.timeout.ms", Type: config.TypeLong, Default: 5000, Importance: config.Low,
			Doc: "How long all tasks together may take to stop. What has not stopped by then is abandoned.",
		},
		{
			Name: "offset.flush.interval.ms", Type: config.TypeLong, Default: 60000, Importance: config.Low,
			Doc: "Time between commits of task offsets.",
		},
		{
			Name: "offset.flush.timeout.ms", Type: config.TypeLong, Default: 5000, Importance: config.Low,
			Doc: "How long a commit may wait for records and offsets to be written before it is given up until the next one. " +
				"Has no effect on source connectors with exactly-once support.",
		},
		{
			Name: "plugin.path", Type: config.TypeList, HasDefault: true, Validator: config.AnyList(false, true), Importance: config.Low,
			Doc: "Directories with Java plugins. Accepted so that a Java worker's file can be used; plugins are compiled in here.",
		},
		{
			Name: "plugin.discovery", Default: "hybrid_warn", Importance: config.Low,
			Validator: config.OneOfFold("ONLY_SCAN", "SERVICE_LOAD", "HYBRID_WARN", "HYBRID_FAIL"),
			Doc:       "How Java plugins are discovered. Accepted, without effect.",
		},
		{Name: "metrics.sample.window.ms", Type: config.TypeLong, Default: 30000, Validator: config.AtLeast(0), Importance: config.Low, Doc: "Time over which one sample of a metric is taken."},
		{Name: "metrics.num.samples", Type: config.TypeInt, Default: 2, Validator: config.AtLeast(1), Importance: config.Low, Doc: "Number of samples from which a metric is computed."},
		{Name: "metrics.recording.level", Default: "INFO", Validator: config.OneOf("INFO", "DEBUG"), Importance: config.Low, Doc: "Which metrics are recorded."},
		{
			Name: "metric.reporters", Type: config.TypeList, Default: "org.apache.kafka.common.metrics.JmxReporter",
			Validator: config.AnyList(true, false), Importance: config.Low,
			Doc: "Java classes that report metrics. Accepted, without effect.",
		},
		{
			Name: "header.converter", Type: config.TypeClass, Default: "org.apache.kafka.connect.storage.SimpleHeaderConverter", Importance: config.Low,
			Doc: "Converter of record headers. The default writes values as text and guesses their schema when reading. " +
				"Properties `header.converter.*` are given to it without the prefix.",
		},
		optional("header.converter.plugin.version", config.TypeString, config.Low, "Version of the header converter. Plugins are compiled in, so there is one version only."),
		{
			Name: "config.providers", Type: config.TypeList, Default: []string{}, Validator: config.AnyList(true, false), Importance: config.Low,
			Doc: "Names of the providers that resolve references `${name:path:key}` in this file and in connector configurations, so that " +
				"secrets stay out of them. `config.providers.NAME.class` is one of the Java class names of Kafka's `FileConfigProvider`, " +
				"`DirectoryConfigProvider` and `EnvVarConfigProvider`; `config.providers.NAME.param.*` are its settings.",
		},
		{
			Name: "connector.client.config.override.policy", Default: "All", Importance: config.Medium,
			Doc: "Which client settings connectors may override by `producer.override.*`, `consumer.override.*` and `admin.override.*`: " +
				"`All`, `None`, `Principal` (only who they log in as), or `Allowlist` (what `connector.client.config.override.allowlist` lists).",
		},
		{
			Name: "topic.creation.enable", Type: config.TypeBoolean, Default: true, Importance: config.Low,
			Doc: "Whether source connectors with `topic.creation.*` properties create their topics through the worker.",
		},
	}
}

func topicTrackingKeys() []config.Key {
	return []config.Key{
		{Name: "topic.tracking.enable", Type: config.TypeBoolean, Default: true, Importance: config.Low, Doc: "Whether the worker records which topics a connector uses."},
		{Name: "topic.tracking.allow.reset", Type: config.TypeBoolean, Default: true, Importance: config.Low, Doc: "Whether that record may be reset by request."},
	}
}

func groupKeys() []config.Key {
	return []config.Key{
		{Name: "group.id", Importance: config.High, Doc: "Name of the Connect cluster. Workers with the same name share connectors and tasks. It must not be the name of a consumer group."},
		{
			Name: "session.timeout.ms", Type: config.TypeInt, Default: 10000, Importance: config.High,
			Doc: "A worker from which the coordinator hears no heartbeat for this long is taken out of the group. The broker bounds it by " +
				"`group.min.session.timeout.ms` and `group.max.session.timeout.ms`.",
		},
		{
			Name: "rebalance.timeout.ms", Type: config.TypeInt, Default: 60000, Importance: config.High,
			Doc: "How long a worker may take to join once a rebalance has begun: the time in which its tasks must flush and commit.",
		},
		{
			Name: "heartbeat.interval.ms", Type: config.TypeInt, Default: 3000, Importance: config.High,
			Doc: "Time between heartbeats. Must be lower than `session.timeout.ms`; a third of it is usual.",
		},
		{
			Name: "exactly.once.source.support", Default: "disabled", Validator: config.OneOfFold("DISABLED", "ENABLED", "PREPARING"), Importance: config.High,
			Doc: "Whether source records and their offsets are written in transactions, and older generations of tasks fenced out. A running " +
				"cluster is first set to `preparing` on every worker, then to `enabled`; a new one to `enabled`.",
		},
	}
}

func syncKeys() []config.Key {
	return []config.Key{
		{
			Name: "worker.sync.timeout.ms", Type: config.TypeInt, Default: 3000, Importance: config.Medium,
			Doc: "How long a worker that is behind in the config topic tries to catch up before it leaves the group.",
		},
		{
			Name: "worker.unsync.backoff.ms", Type: config.TypeInt, Default: 300000, Importance: config.Medium,
			Doc: "How long such a worker then stays away.",
		},
	}
}

func protocolKeys() []config.Key {
	return []config.Key{
		{
			Name: "connect.protocol", Default: "sessioned", Validator: protocolValidator(), Importance: config.Low,
			Doc: "Which group protocols this worker offers: `eager` (stop everything at each rebalance), `compatible` (that and incremental " +
				"cooperative rebalancing), `sessioned` (both, and requests between workers are signed). The group uses the best that all know.",
		},
		{
			Name: "scheduled.rebalance.max.delay.ms", Type: config.TypeInt, Default: 300000, Validator: config.Between(0, maxInt32), Importance: config.Low,
			Doc: "How long the connectors and tasks of a worker that is gone stay unassigned, in case it comes back.",
		},
		{
			Name: "inter.worker.key.ttl.ms", Type: config.TypeInt, Default: 3600000, Validator: config.Between(0, maxInt32), Importance: config.Low,
			Doc: "Age at which the key that signs requests between workers is replaced.",
		},
		{
			Name: "inter.worker.key.generation.algorithm", Default: "HmacSHA256", Validator: keyAlgorithmValidator(), Importance: config.Low,
			Doc: "For what algorithm keys are made: " + listing(keyAlgorithms()) + ".",
		},
		optional("inter.worker.key.size", config.TypeInt, config.Low, "Size of that key in bits. Without it, what Java takes for the algorithm."),
		{
			Name: "inter.worker.signature.algorithm", Default: "HmacSHA256", Validator: macValidator(), Importance: config.Low,
			Doc: "By which algorithm requests to other workers are signed: " + listing(macAlgorithms()) + ".",
		},
		{
			Name: "inter.worker.verification.algorithms", Type: config.TypeList, Default: "HmacSHA256", Validator: macListValidator(), Importance: config.Low,
			Doc: "Which algorithms are accepted in requests of other workers. Must include `inter.worker.signature.algorithm`.",
		},
	}
}
