package rest

import (
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// AdvertisedURL is the URL under which other workers reach this one, e.g. "http://10.0.0.1:8083/". Call it after Listen. The
// arguments are rest.advertised.host.name, .port (0: not set) and .listener; what is not set comes from the first listener of
// the protocol, http before https, and the host from this machine.
func (s *Server) AdvertisedURL(host string, port int, protocol string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var from *listening
	if protocol = strings.ToLower(protocol); protocol == "" {
		protocol = "http"
		if s.first("http") == nil && s.first("https") != nil {
			protocol = "https"
		}
	}
	if from = s.first(protocol); from != nil {
		if host == "" {
			host = from.Host
		}
		if port == 0 {
			port = from.Port
		}
		if addr, ok := from.net.Addr().(*net.TCPAddr); ok && port == 0 {
			port = addr.Port
		}
	}
	if host == "" {
		host = localHost()
	}
	u := url.URL{Scheme: protocol, Host: host, Path: "/"}
	if port != 0 {
		u.Host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return u.String()
}

func (s *Server) first(protocol string) *listening {
	for _, l := range s.servers {
		if !l.admin && l.Protocol == protocol {
			return l
		}
	}
	return nil
}

// localHost is the address that this machine's name stands for, as far as it can be known without asking the network.
func localHost() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	addrs, err := net.LookupIP(name)
	if err != nil || len(addrs) == 0 {
		return name
	}
	for _, ip := range addrs {
		if ip.To4() != nil {
			return ip.String()
		}
	}
	return addrs[0].String()
}
