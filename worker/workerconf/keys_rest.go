package workerconf

import (
	"strings"

	"github.com/connectd/connectd/connect/config"
)

const listenersDescription = "List of comma-separated URLs, ex: http://localhost:8080,https://localhost:8443."

func restKeys() []config.Key {
	return []config.Key{
		{
			Name: "listeners", Type: config.TypeList, Default: "http://:8083", Validator: listenersValidator(), Importance: config.Low,
			Doc: "Addresses at which the REST API listens: `http://host:port` or `https://host:port`, separated by commas. Without a host " +
				"it listens on all interfaces. For https the settings are `listeners.https.ssl.*`, or `ssl.*` where there are none of those.",
		},
		optional("rest.advertised.host.name", config.TypeString, config.Low, "Host name that other workers are told to reach this one by."),
		optional("rest.advertised.port", config.TypeInt, config.Low, "Port that other workers are told to reach this one by."),
		optional("rest.advertised.listener", config.TypeString, config.Low, "Which of the listeners other workers are told: `http` or `https`."),
		{
			Name: "access.control.allow.origin", Default: "", Importance: config.Low,
			Doc: "Domain whose web pages may call the API, or `*`. The value of the header `Access-Control-Allow-Origin`.",
		},
		{
			Name: "access.control.allow.methods", Default: "", Importance: config.Low,
			Doc: "Methods that such pages may use. Without a value: GET, POST and HEAD.",
		},
		{
			Name: "response.http.headers.config", Default: "", Validator: headerRulesValidator(), Importance: config.Low,
			Doc: "Headers added to every answer of the REST API: rules `[action] [header name]:[header value]` separated by commas, the action " +
				"being `set`, `add`, `setDate` or `addDate`. A rule with a comma in it is put in double quotes.",
		},
		{
			Name: "ssl.client.auth", Default: "none", Validator: config.OneOf("required", "requested", "none"), Importance: config.Low,
			Doc: "Whether callers of an https listener must show a certificate.",
		},
		{
			Name: "rest.extension.classes", Type: config.TypeList, Default: "", Validator: config.AnyList(true, false), Importance: config.Low,
			Doc: "Java classes that extend the REST API. `" + basicAuthClass + "` is built in (see security.md). Others can't be loaded, and " +
				"as such extensions often guard the API, a worker that is given one does not start.",
		},
		{
			Name: "admin.listeners", Type: config.TypeList, HasDefault: true, Validator: config.AnyList(true, true), Importance: config.Low,
			Doc: "Addresses at which the admin endpoints (`/admin/...`) listen. Without a value they are served by `listeners`; an empty value " +
				"switches them off. For https the settings are `admin.listeners.https.ssl.*`.",
		},
	}
}

func listenersValidator() config.Validator {
	return config.Check(listenersDescription, func(name string, value any) error {
		list, _ := value.([]string)
		if len(list) == 0 {
			return config.Invalid(name, value, "Invalid value for listeners, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443.")
		}
		for _, url := range list {
			if strings.TrimSpace(url) == "" {
				return config.Invalid(name, value, "Empty URL found when parsing listeners list.")
			}
		}
		return nil
	})
}
