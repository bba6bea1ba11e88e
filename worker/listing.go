package worker

import (
	"context"
	"errors"
	"sync"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/rest/api"
)

// listing keeps what GET /connectors?expand=… says of each connector encoded, so that an answer is a copy of bytes. What has
// changed since the last answer is encoded by the next; what is held is one text for each connector of the snapshot.
type listing struct {
	mu   sync.Mutex
	snap *cluster.Snapshot
	// revision is that of the status store.
	revision uint64
	// entries and all are in order of names. all is shared with answers: it is replaced, never changed.
	entries []*listed
	all     []*api.Listed
}

// listed is a connector's text, and what it was made from.
type listed struct {
	connector *cluster.Connector
	revision  uint64
	text      *api.Listed
}

// Listing gives every connector's status and info.
func (w *Worker) Listing(context.Context) ([]*api.Listed, error) {
	if !w.ready() {
		return nil, errStarting
	}
	l := &w.listing
	l.mu.Lock()
	defer l.mu.Unlock()
	// The revision is read before what it counts: what changes in between is encoded once more next time.
	snap, revision := w.configs.Snapshot(), w.statuses.Revision()
	if snap == l.snap && revision == l.revision {
		return l.all, nil
	}
	entries, err := w.relist(snap)
	if err != nil {
		return nil, err
	}
	all := make([]*api.Listed, len(entries))
	for i, e := range entries {
		all[i] = e.text
	}
	l.snap, l.revision, l.entries, l.all = snap, revision, entries, all
	return all, nil
}

// relist encodes what differs from the last listing.
func (w *Worker) relist(snap *cluster.Snapshot) ([]*listed, error) {
	old := w.listing.entries
	names := snap.Names()
	entries := make([]*listed, len(names))
	for i, name := range names {
		for len(old) > 0 && old[0].connector.Name < name {
			old = old[1:]
		}
		c, revision := snap.Connectors[name], w.statuses.ConnectorRevision(name)
		if len(old) > 0 && old[0].connector == c && old[0].revision == revision {
			entries[i] = old[0]
			continue
		}
		text, err := w.list(snap, c)
		if err != nil {
			return nil, err
		}
		entries[i] = &listed{c, revision, text}
	}
	return entries, nil
}

func (w *Worker) list(snap *cluster.Snapshot, c *cluster.Connector) (*api.Listed, error) {
	status, err := w.status(snap, c.Name)
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	return api.NewListed(c.Name, status, w.info(c.Name, c.Config, snap.TaskIDs(c.Name)))
}

func isNotFound(err error) bool {
	var e *cluster.Error
	return errors.As(err, &e) && e.Code == cluster.CodeNotFound
}
