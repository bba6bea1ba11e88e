package workerconf

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/config"
)

// REST is the configuration of the REST API.
type REST struct {
	Listeners []Listener
	// AdminListeners serve the admin endpoints. Nil: Listeners serve them. Empty: nobody does.
	AdminListeners []Listener

	AllowOrigin     string // Access-Control-Allow-Origin; empty: no cross-origin requests
	AllowMethods    string // Access-Control-Allow-Methods; empty: GET, POST and HEAD
	ResponseHeaders []HeaderRule

	// HTTPS and AdminHTTPS are the ssl.* properties of the https listeners, without prefix, as given.
	HTTPS      map[string]string
	AdminHTTPS map[string]string

	// BasicAuth tells that rest.extension.classes has callers authenticate. LoginConfig is the path of the JAAS login
	// configuration that says how, empty when the properties do not name one.
	BasicAuth   bool
	LoginConfig string

	advertisedHost     string
	advertisedPort     int // 0: not given
	advertisedProtocol string
}

// Listener is one address to listen at. An empty Host means all interfaces; port 0 any free one.
type Listener struct {
	Scheme string // http or https
	Host   string // IPv6 without brackets
	Port   int
}

// Address returns host:port for net.Listen.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// String returns the URL.
func (l Listener) String() string { return l.Scheme + "://" + l.Address() }

// listenerPattern is Java's; a negative port is its own way of saying "any".
var listenerPattern = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// ParseListener reads protocol://hostname:port.
func ParseListener(text string) (Listener, error) {
	m := listenerPattern.FindStringSubmatch(text)
	if m == nil {
		return Listener{}, javaError("Listener doesn't have the right format (protocol://hostname:port).")
	}
	scheme := strings.ToLower(m[1])
	if scheme != "http" && scheme != "https" {
		return Listener{}, javaError(`Listener protocol must be either "http" or "https".`)
	}
	port, err := strconv.Atoi(m[3])
	if err != nil || port > 65535 {
		return Listener{}, fmt.Errorf("the port must be at most 65535")
	}
	return Listener{Scheme: scheme, Host: m[2], Port: max(port, 0)}, nil
}

// ParseREST reads the properties of a REST server that belongs to no single worker. The error joins every fault found.
func ParseREST(props map[string]string) (REST, error) {
	raw := maps.Clone(props)
	values, err := config.New(restKeys()...).Define(config.ClientSSLKeys()...).Parse(raw)
	p := parser{values: values, raw: raw, errs: config.Errors(err)}
	r := p.rest()
	p.checkREST()
	errs := make([]error, len(p.errs))
	for i, e := range p.errs {
		errs[i] = e
	}
	return r, errors.Join(errs...)
}

func (p *parser) rest() REST {
	v := p.values
	r := REST{
		Listeners:          p.listeners("listeners"),
		AllowOrigin:        v.String("access.control.allow.origin"),
		AllowMethods:       v.String("access.control.allow.methods"),
		HTTPS:              p.httpsProps("listeners.https."),
		AdminHTTPS:         p.httpsProps("admin.listeners.https."),
		advertisedHost:     v.String("rest.advertised.host.name"),
		advertisedPort:     v.Int("rest.advertised.port"),
		advertisedProtocol: strings.ToLower(v.String("rest.advertised.listener")),
	}
	for _, class := range v.List(extensionsKey) {
		r.BasicAuth = r.BasicAuth || isBasicAuth(class)
	}
	r.LoginConfig = strings.TrimSpace(p.raw[LoginConfigKey])
	if !v.IsNull("admin.listeners") {
		r.AdminListeners = p.listeners("admin.listeners")
	}
	r.ResponseHeaders, _ = ParseHeaderRules(v.String("response.http.headers.config"))
	if r.advertisedProtocol == "" {
		r.advertisedProtocol = defaultProtocol(r.Listeners)
	}
	return r
}

const (
	extensionsKey  = "rest.extension.classes"
	basicAuthClass = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
	// LoginConfigKey is a property of connectd's own: where a JVM has -Djava.security.auth.login.config.
	LoginConfigKey = "rest.basic.auth.login.config"
)

// isBasicAuth knows the extension by its class or, as Java does, by the simple name of it.
func isBasicAuth(class string) bool {
	return class == basicAuthClass || class == basicAuthClass[strings.LastIndexByte(basicAuthClass, '.')+1:]
}

func (p *parser) listeners(key string) []Listener {
	listeners := []Listener{}
	for _, text := range p.values.List(key) {
		l, err := ParseListener(text)
		if err != nil {
			p.fail(config.Invalid(key, text, err.Error()))
			continue
		}
		listeners = append(listeners, l)
	}
	return listeners
}

// httpsProps follows Java: if anything is given under the prefix, all is; else the top-level ssl.* hold.
func (p *parser) httpsProps(prefix string) map[string]string {
	props := config.WithPrefix(p.raw, prefix)
	if len(props) == 0 {
		props = maps.Clone(p.raw)
	}
	maps.DeleteFunc(props, func(name, _ string) bool { return !strings.HasPrefix(name, "ssl.") })
	return props
}

func defaultProtocol(listeners []Listener) string {
	protocol := "http"
	for _, l := range listeners {
		if l.Scheme == "http" {
			return "http"
		}
		protocol = l.Scheme
	}
	return protocol
}

func (p *parser) checkREST() {
	const protocolKey = "rest.advertised.listener"
	if given := p.values.String(protocolKey); given != "" && !strings.EqualFold(given, "http") && !strings.EqualFold(given, "https") {
		p.fail(config.Invalid(protocolKey, given, `must be either "http" or "https"`))
	}
	const portKey = "rest.advertised.port"
	if port := p.values.Int(portKey); !p.values.IsNull(portKey) && (port < 1 || port > 65535) {
		p.fail(config.Invalid(portKey, port, "a port lies between 1 and 65535"))
	}
	for _, class := range p.values.List(extensionsKey) {
		if !isBasicAuth(class) {
			p.fail(config.Invalid(extensionsKey, class, "REST extensions are Java classes, which can't be loaded; only "+basicAuthClass+
				" is built in; remove others, and see that what they did is done elsewhere"))
		}
	}
}

// AdvertisedURL is how other workers are told to reach this one. Java's precedence: rest.advertised.host.name and .port;
// then host and port of the first listener whose protocol is rest.advertised.listener (default: http if there is one);
// for want of a host localHost, for want of a port what bound says the listener got.
func (r REST) AdvertisedURL(localHost string, bound func(Listener) int) *url.URL {
	host, port := r.advertisedHost, r.advertisedPort
	l, found := r.advertisedListener()
	if host == "" && found {
		host = l.Host
	}
	if host == "" {
		host = localHost
	}
	if port == 0 && found {
		port = l.Port
		if port == 0 && bound != nil {
			port = bound(l)
		}
	}
	return &url.URL{Scheme: r.advertisedProtocol, Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/"}
}

// advertisedListener is the first of the advertised protocol; for want of one the first at all, whose port Java takes
// too.
func (r REST) advertisedListener() (Listener, bool) {
	for _, l := range r.Listeners {
		if l.Scheme == r.advertisedProtocol {
			return l, true
		}
	}
	if len(r.Listeners) > 0 {
		return r.Listeners[0], true
	}
	return Listener{}, false
}
