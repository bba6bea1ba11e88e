package workerconf

import "github.com/connectd/connectd/connect/config"

// clientKeys are the settings of Kafka clients that Java lists for a worker. They, and all other client properties at
// the top of the file, hold for the worker's own clients: group membership and internal topics.
func clientKeys() []config.Key {
	backoff := func(name string, def int, doc string) config.Key {
		return config.Key{Name: name, Type: config.TypeLong, Default: def, Validator: config.AtLeast(0), Importance: config.Low, Doc: doc}
	}
	return []config.Key{
		backoff("metadata.max.age.ms", 300000, "Age at which cluster metadata is refreshed even if nothing seems to have changed."),
		{Name: "client.id", Default: "", Importance: config.Low, Doc: "Name by which brokers know the worker in their logs and quotas."},
		{Name: "send.buffer.bytes", Type: config.TypeInt, Default: 131072, Validator: config.AtLeast(-1), Importance: config.Medium, Doc: "TCP send buffer; -1 leaves it to the operating system."},
		{Name: "receive.buffer.bytes", Type: config.TypeInt, Default: 32768, Validator: config.AtLeast(-1), Importance: config.Medium, Doc: "TCP receive buffer; -1 leaves it to the operating system."},
		backoff("reconnect.backoff.ms", 50, "First wait before connecting again to a broker that could not be reached."),
		backoff("reconnect.backoff.max.ms", 1000, "Longest wait before connecting again; the wait doubles up to it."),
		backoff("socket.connection.setup.timeout.ms", 10000, "First timeout of a connection attempt."),
		backoff("socket.connection.setup.timeout.max.ms", 30000, "Longest timeout of a connection attempt; it doubles up to this."),
		backoff("retry.backoff.ms", 100, "First wait before a failed request is sent again."),
		backoff("retry.backoff.max.ms", 1000, "Longest wait before a failed request is sent again."),
		{Name: "request.timeout.ms", Type: config.TypeInt, Default: 40000, Validator: config.AtLeast(0), Importance: config.Medium, Doc: "How long a request may wait for its answer."},
		{Name: "connections.max.idle.ms", Type: config.TypeLong, Default: 540000, Importance: config.Medium, Doc: "How long an unused connection stays open."},
		{
			Name: "security.protocol", Default: "PLAINTEXT", Importance: config.Medium,
			Validator: config.OneOfFold("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
			Doc:       "How the worker talks to brokers: with or without TLS, with or without logging in.",
		},
	}
}

func metadataRecoveryKeys() []config.Key {
	return []config.Key{
		{
			Name: "metadata.recovery.strategy", Default: "rebootstrap", Validator: config.OneOfFold("NONE", "REBOOTSTRAP"), Importance: config.Low,
			Doc: "What a client does when none of the brokers it knows can be reached: `none` fails, `rebootstrap` starts over from `bootstrap.servers`.",
		},
		{
			Name: "metadata.recovery.rebootstrap.trigger.ms", Type: config.TypeLong, Default: 300000, Validator: config.AtLeast(0), Importance: config.Low,
			Doc: "After how long without metadata it starts over.",
		},
	}
}
