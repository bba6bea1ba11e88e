package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
	"github.com/connectd/connectd/worker/herder"
)

// Flow is what a worker of MirrorMaker's dedicated mode is told besides its properties. Several such workers run in one process,
// and share its internal REST server, if it has one.
type Flow struct {
	// Name is the flow's, such as A->B.
	Name string
	// URL is the process' advertised URL, by which other nodes reach it; empty without an internal REST server. Path is what
	// stands before the paths of this worker's resources.
	URL, Path string
	// Connectors are made, or changed, by the worker that leads the group, in order.
	Connectors []FlowConnector
}

// FlowConnector is a connector that comes from a properties file.
type FlowConnector struct {
	Name   string
	Config map[string]string
}

// noURL is what Java's dedicated mode tells the group for a URL when it has no internal REST server.
const noURL = "NOTUSED"

// addresses are the URL for the group and the worker id for statuses, which tells nodes apart as Java's does: by address and flow, or
// for want of an address by host name, flow and a random part.
func (f *Flow) addresses() (groupURL, id string) {
	u, err := url.Parse(f.URL)
	if f.URL != "" && err == nil {
		return f.URL, u.Host + "/" + f.Name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return noURL, host + "/" + f.Name + "/" + rand.Text()
}

// peer is where a node serves this flow, by the worker id in its statuses.
func (f *Flow) peer(scheme, workerID string) string {
	return scheme + "://" + strings.TrimSuffix(workerID, "/"+f.Name) + f.Path
}

// reaches tells whether task configs can be handed to the leader. Where they can't, the worker that runs a connector writes them
// itself: nobody else writes those of its connector, and a worker that is no member any more writes nothing. Java's dedicated mode
// leaves such a connector without tasks until its worker happens to lead.
func (f *Flow) reaches(leaderURL string) bool {
	return f.URL != "" && (strings.HasPrefix(leaderURL, "http://") || strings.HasPrefix(leaderURL, "https://"))
}

// viewed is told of every step of the machine. It runs on the loop.
func (w *Worker) viewed() func(herder.View) {
	if w.cfg.Flow == nil {
		return w.view.set
	}
	stop := func() {}
	leading := false
	return func(v herder.View) {
		w.view.set(v)
		switch {
		case v.IsLeader && v.Settled && !leading:
			var ctx context.Context
			ctx, stop = context.WithCancel(w.life)
			w.effects.Go(func() { w.configureFlow(ctx) })
			leading = true
		case !v.IsLeader && leading:
			stop()
			leading = false
		}
	}
}

// Waits between attempts to configure connectors.
const (
	configureFirst = time.Second
	configureMost  = time.Minute
)

// configureFlow gives the flow's connectors the configs of the properties file, until that is done or this worker leads no more.
func (w *Worker) configureFlow(ctx context.Context) {
	pending := w.cfg.Flow.Connectors
	told := map[string]string{}
	for wait := configureFirst; ; wait = min(2*wait, configureMost) {
		var failed []FlowConnector
		for _, c := range pending {
			if again := w.configure(ctx, c, told); again {
				failed = append(failed, c)
			}
		}
		if pending = failed; len(pending) == 0 {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// configure gives one connector its config, and tells whether to try again. A config that is refused is tried again too, as what
// stands in its way may lie outside of it, such as another link; the log says each reason once.
func (w *Worker) configure(ctx context.Context, c FlowConnector, told map[string]string) (again bool) {
	if have := w.configs.Snapshot().Connectors[c.Name]; have != nil && maps.Equal(have.Config, c.Config) {
		w.log.Info("the connector is configured as the properties file says", "connector", c.Name)
		return false
	}
	bounded, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	created, _, err := w.PutConnectorConfig(bounded, c.Name, c.Config, "", true)
	switch {
	case err == nil:
		w.log.Info("connector configured from the properties file", "connector", c.Name, "created", created)
		return false
	case errors.As(err, new(*cluster.NotLeader)):
		return false // the next leader does it
	case ctx.Err() != nil:
		return true // if there is an again
	}
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	var refused *api.Error
	if errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		text = strings.TrimSuffix(text, validateHint)
	}
	if told[c.Name] != text {
		told[c.Name] = text
		w.log.Error("a connector can't be configured as the properties file says; it is tried again", "connector", c.Name, "error", text)
	}
	return true
}

// validateHint ends refusals, and names an endpoint that the dedicated mode does not have.
const validateHint = " You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"
