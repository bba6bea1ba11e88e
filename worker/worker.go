package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/internal/client"
	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/metrics"
	"github.com/connectd/connectd/rest"
	"github.com/connectd/connectd/storage"
	"github.com/connectd/connectd/storage/configlog"
	"github.com/connectd/connectd/worker/group"
	"github.com/connectd/connectd/worker/herder"
	"github.com/connectd/connectd/worker/lease"
	"github.com/connectd/connectd/worker/plugin"
	"github.com/connectd/connectd/worker/proto"
	"github.com/connectd/connectd/worker/workerconf"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"
)

// KafkaVersion is the Kafka release whose Connect worker this one behaves as; clients parse it.
const KafkaVersion = "4.3.1"

// Store names one of the three internal topics.
type Store string

// The internal topics.
const (
	ConfigStore Store = "config"
	OffsetStore Store = "offset"
	StatusStore Store = "status"
)

// Kafka is what a worker needs of its Kafka cluster. Client properties are Java's.
type Kafka interface {
	// ClusterID connects, and says in one line what is wrong when that fails.
	ClusterID(ctx context.Context) (string, error)
	// OpenLog creates the topic of a store where it is absent, checks that it is compacted, and opens it. onError is
	// told of what is wrong with the topic later.
	OpenLog(ctx context.Context, store Store, topic workerconf.StorageTopic, onError func(error)) (storage.Log, error)
	// OpenOffsets creates a connector's own topic of source offsets where it is absent, and opens it.
	OpenOffsets(ctx context.Context, t OffsetsTopic) (storage.Log, error)
	// FenceProducers keeps the producers of these transactional ids from writing any more, and ends what they have open.
	FenceProducers(ctx context.Context, adminProps map[string]string, transactionalIDs []string) error
	// NewProducer and NewConsumer open the clients of tasks. A producer with a transactional.id is a client.Transactional.
	NewProducer(props map[string]string, onDelivery func([]client.Delivery)) (client.Producer, error)
	NewConsumer(props map[string]string) (client.Consumer, error)
	// CreateTopic creates a topic where it is absent, for a source connector's records.
	CreateTopic(ctx context.Context, adminProps map[string]string, spec client.TopicSpec) error
	// GroupOffsets lists what a consumer group has committed, nothing for one that does not exist.
	GroupOffsets(ctx context.Context, adminProps map[string]string, group string) (map[connect.TopicPartition]int64, error)
	// AlterGroupOffsets commits offsets for a group and removes those that are nil: all, or none. DeleteGroup removes the
	// group. Both fail with client.ErrGroupNotEmpty while the group has members.
	AlterGroupOffsets(ctx context.Context, adminProps map[string]string, group string, offsets map[connect.TopicPartition]*int64) error
	DeleteGroup(ctx context.Context, adminProps map[string]string, group string) error
}

// Config is all that a worker is made of.
type Config struct {
	Conf     *workerconf.Config
	Registry *plugin.Registry
	Kafka    Kafka
	// Group sends the requests of group membership; it is the caller's to close.
	Group group.Requester
	// Logs make the loggers of the worker's rooms.
	Logs *Logs
	// Resolve replaces config provider references in a connector's config; nil for none.
	Resolve func(map[string]string) (map[string]string, error)
	// Version is connectd's own, Commit is what GET / shows.
	Version, Commit string
	// TLS is for https listeners, AdminTLS for those of the admin endpoints, ClientTLS for requests to other workers.
	TLS, AdminTLS, ClientTLS *tls.Config
	// BasicAuth asks callers of the REST API for credentials; nil for none.
	BasicAuth *rest.BasicAuth
	// Flow makes the worker one of those that a node of MirrorMaker's dedicated mode runs; nil for a worker of its own.
	Flow *Flow
}

// Worker is one Connect worker. Make one with New, run it with Run, once.
type Worker struct {
	cfg  Config
	log  hclog.Logger
	rest *rest.Server
	peer *rest.Client // requests to other workers
	url  string       // advertised
	id   string       // advertised host:port

	clusterID string
	configs   *storage.ConfigStore
	offsets   *storage.OffsetStore
	statuses  *storage.StatusStore
	member    *group.Member
	lease     lease.Lease // of the membership: who writes asks it first
	loop      *loop
	view      latest[herder.View]
	listing   listing
	meter     meter

	// life ends when the worker has stopped: whatever still runs then is abandoned.
	life    context.Context
	kill    context.CancelCauseFunc
	effects sync.WaitGroup
	// privilege is closed when the last claim of the leader's privilege, or its end, has been carried out; nil before the first. It
	// belongs to the loop.
	privilege chan struct{}
	own       ownOffsets
	runners   map[herder.Work]*runner // written by the loop, under runnersMu
	left      chan struct{}           // has something when the group was left

	runnersMu sync.Mutex

	mu      sync.Mutex
	started bool
	logs    []storage.Log // of the stores
}

// New checks what can be checked without a network, and opens the REST listeners, so that a port in use is told at once.
func New(ctx context.Context, cfg Config) (*Worker, error) {
	w := &Worker{cfg: cfg, log: cfg.Logs.Named("worker"), runners: map[herder.Work]*runner{}, left: make(chan struct{}, 1)}
	w.life, w.kill = context.WithCancelCause(context.WithoutCancel(ctx))
	if cfg.Flow != nil {
		w.url, w.id = cfg.Flow.addresses()
	} else if err := w.listen(ctx); err != nil {
		w.kill(nil)
		return nil, err
	}
	w.peer = rest.NewClient(rest.ClientConfig{TLS: cfg.ClientTLS})
	return w, nil
}

func (w *Worker) listen(ctx context.Context) error {
	conf := w.cfg.Conf.REST
	rc := rest.Config{
		Herder: w, Logger: w.cfg.Logs.Named("rest"), Version: w.cfg.Version,
		Listeners: texts(conf.Listeners), TLS: w.cfg.TLS, AdminTLS: w.cfg.AdminTLS, ClientTLS: w.cfg.ClientTLS,
		BasicAuth:   w.cfg.BasicAuth,
		Metrics:     metrics.NewExposer(w.cfg.Version, w.cfg.Commit, KafkaVersion),
		AllowOrigin: conf.AllowOrigin, AllowMethods: conf.AllowMethods,
		ResponseHeaders:      w.cfg.Conf.Values.String("response.http.headers.config"),
		NoTopicTracking:      !w.cfg.Conf.TopicTrackingEnable,
		NoTopicTrackingReset: !w.cfg.Conf.TopicTrackingAllowReset,
	}
	if conf.AdminListeners != nil {
		rc.AdminListeners = texts(conf.AdminListeners)
	}
	server, err := rest.New(rc)
	if err != nil {
		return err
	}
	if err := server.Listen(ctx); err != nil {
		return err
	}
	w.rest = server
	u := Advertised(conf, server.Addrs())
	w.url, w.id = u.String(), u.Host
	return nil
}

// Advertised is the URL by which others are told to reach a REST server whose listeners are open at addrs.
func Advertised(conf workerconf.REST, addrs []net.Addr) *url.URL {
	return conf.AdvertisedURL(localHost(), func(l workerconf.Listener) int {
		if addr, ok := addrs[slices.Index(conf.Listeners, l)].(*net.TCPAddr); ok {
			return addr.Port
		}
		return l.Port
	})
}

// localHost is the address that this machine's name stands for.
func localHost() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	if addrs, err := net.LookupIP(name); err == nil && len(addrs) > 0 {
		return addrs[0].String()
	}
	return name
}

func texts(listeners []workerconf.Listener) []string {
	out := make([]string, 0, len(listeners))
	for _, l := range listeners {
		out = append(out, l.String())
	}
	return out
}

// URL is the advertised REST URL.
func (w *Worker) URL() string { return w.url }

// Close releases what New took, of a worker that is not run.
func (w *Worker) Close() {
	if w.rest != nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.rest.Shutdown(ctx) // nothing was served
	}
	w.peer.Close()
	w.kill(errStopped)
}

// Run joins the group and works until ctx ends, then stops all work in order and leaves. It returns nil after an orderly
// stop, and otherwise what kept the worker from going on.
func (w *Worker) Run(ctx context.Context) error {
	serving := make(chan error, 1)
	if w.rest != nil {
		go func() { serving <- w.rest.Serve() }()
	}
	defer func() {
		w.kill(errStopped)
		w.peer.Close()
	}()
	err := w.openStores(ctx)
	if err == nil {
		err = w.work(ctx, serving)
	}
	stopped, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if w.rest != nil {
		if cut := w.rest.Shutdown(stopped); cut != nil {
			w.log.Warn("requests were cut off by the end of the worker", "error", cut)
		}
	}
	w.kill(errStopped)
	w.effects.Wait()
	w.closeStores(stopped)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // stopped while it was starting
	}
	return err
}

var errStopped = errors.New("the worker has stopped")

// starter is a store that reads its topic to the end.
type starter interface{ Start(context.Context) error }

// openStores connects and reads the three topics to their ends.
func (w *Worker) openStores(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	connected := make(chan error, 1)
	go func() {
		id, err := w.cfg.Kafka.ClusterID(ctx)
		if err != nil {
			cancel()
		} else {
			w.log.Debug("connected to the Kafka cluster", "cluster-id", id)
		}
		w.clusterID = id
		connected <- err
	}()
	err := w.startStores(ctx)
	// Where the cluster cannot be reached, this says best what is wrong.
	if unreachable := <-connected; unreachable != nil {
		return unreachable
	}
	return err
}

func (w *Worker) startStores(ctx context.Context) error {
	conf, log := w.cfg.Conf, w.cfg.Logs.Named("storage")
	g, ctx := errgroup.WithContext(ctx)
	open := func(s Store, t workerconf.StorageTopic, adopt func(storage.Log) starter) {
		g.Go(func() error {
			l, err := w.cfg.Kafka.OpenLog(ctx, s, t, func(err error) { log.Error("internal topic", "store", string(s), "error", err) })
			if err != nil {
				return err
			}
			log.Debug("internal topic is there", "store", string(s), "topic", t.Name)
			w.mu.Lock()
			w.logs = append(w.logs, l)
			w.mu.Unlock()
			if err := adopt(l).Start(ctx); err != nil {
				return err
			}
			log.Debug("internal topic is read", "store", string(s), "topic", t.Name)
			return nil
		})
	}
	open(ConfigStore, conf.ConfigTopic, func(l storage.Log) starter {
		w.configs = storage.NewConfigStore(fenced(l, w.isMember), log, w.configChanged)
		return w.configs
	})
	open(OffsetStore, conf.OffsetTopic, func(l storage.Log) starter {
		w.offsets = storage.NewOffsetStore(fenced(l, w.isMember), log)
		return w.offsets
	})
	open(StatusStore, conf.StatusTopic, func(l storage.Log) starter {
		w.statuses = storage.NewStatusStore(l, log)
		w.statuses.Fence(w.isMember)
		return w.statuses
	})
	return g.Wait()
}

func (w *Worker) closeStores(ctx context.Context) {
	if w.statuses != nil {
		if err := w.statuses.Flush(ctx); err != nil {
			w.log.Warn("some statuses were not written before the worker ended", "error", err)
		}
		w.closing("status", w.statuses.Close())
	}
	if w.offsets != nil {
		w.own.closeAll(w)
		w.closing("offset", w.offsets.Close())
	}
	if w.configs != nil {
		w.closing("config", w.configs.Close())
	}
}

func (w *Worker) closing(store string, err error) {
	if err != nil {
		w.log.Warn("closing a store", "store", store, "error", err)
	}
}

// work runs the loop and the group membership until ctx ends, the group refuses this worker, or the REST server fails.
func (w *Worker) work(ctx context.Context, serving <-chan error) error {
	conf := w.cfg.Conf
	protocol, err := proto.ParseProtocol(string(conf.Protocol))
	if err != nil {
		return err
	}
	w.member, err = group.New(group.Config{
		Client: w.cfg.Group, GroupID: conf.GroupID, SessionTimeout: conf.SessionTimeout,
		RebalanceTimeout: conf.RebalanceTimeout, HeartbeatInterval: conf.HeartbeatInterval, Lease: &w.lease, Logger: w.cfg.Logs.Named("group"),
	})
	if err != nil {
		return err
	}
	machine := herder.New(herder.Config{
		WorkerURL: w.url, Protocol: protocol, RebalanceDelay: conf.ScheduledRebalanceMaxDelay,
		SyncTimeout: conf.WorkerSyncTimeout, UnsyncBackoff: conf.WorkerUnsyncBackoff,
		KeyTTL: conf.SessionKeys.KeyTTL, KeyAlgorithm: conf.SessionKeys.KeyAlgorithm, KeyBytes: (conf.SessionKeys.KeyBits + 7) / 8,
		Live: w.live, Source: w.isSource,
		ExactlyOnce: conf.ExactlyOnce.Enabled(), Fenceable: conf.ExactlyOnce.TransactionalLeader(),
	})
	w.view.set(machine.View()) // before any request asks for it
	w.mu.Lock()
	viewed := w.viewed()
	w.loop = newLoop(machine, w.cfg.Logs.Named("herder"), w.do, func(v herder.View) {
		w.meter.viewed(v, time.Now())
		viewed(v)
	})
	w.started = true
	w.mu.Unlock()

	fatal := make(chan error, 1)
	memberCtx, stopMember := context.WithCancel(w.life)
	defer stopMember()
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.member.Run(memberCtx) }) // ends with memberCtx only
	wg.Go(func() { w.pumpGroup(fatal) })
	abort := make(chan struct{})
	loopDone := make(chan struct{})
	go func() { defer close(loopDone); w.loop.run(abort) }()
	w.loop.post(herder.Started{Snapshot: w.configs.Snapshot()})

	select {
	case <-ctx.Done():
		err = nil
	case err = <-fatal:
	case err = <-serving:
	}
	w.loop.post(herder.Shutdown{})
	w.awaitShutdown(loopDone, abort)
	stopMember()
	wg.Wait()
	return err
}

// leaveTimeout is how long the coordinator may take to hear of a worker that had to end without its work.
const leaveTimeout = 5 * time.Second

// awaitShutdown gives the work its graceful time and the group the news, and then ends the loop in any case.
func (w *Worker) awaitShutdown(loopDone <-chan struct{}, abort chan struct{}) {
	deadline := time.NewTimer(w.cfg.Conf.TaskShutdownGracefulTimeout + 10*time.Second)
	defer deadline.Stop()
	select {
	case <-loopDone:
	case <-deadline.C:
		w.log.Error("work did not stop in time; the worker ends without it")
		close(abort)
		<-loopDone
		deadline.Reset(leaveTimeout)
	}
	// The herder has asked to leave. Asking again has the member say Left once more where it has left already.
	select {
	case <-w.left:
	default:
	}
	w.member.Leave("the worker is shutting down")
	select {
	case <-w.left:
	case <-deadline.C:
	}
}

// pumpGroup turns the group's reports into events, until the member ends.
func (w *Worker) pumpGroup(fatal chan<- error) {
	for ev := range w.member.Events() {
		switch ev := ev.(type) {
		case group.Joined:
			if !ev.Leader {
				continue
			}
			p, err := proto.FromWire(ev.Protocol)
			if err != nil {
				fail(fatal, err)
				continue
			}
			w.loop.post(herder.Joined{
				Generation: ev.Generation, MemberID: ev.MemberID, LeaderID: ev.LeaderID, Protocol: p, Members: ev.Members,
			})
		case group.Assigned:
			p, err := proto.FromWire(ev.Protocol)
			if err != nil {
				fail(fatal, err)
				continue
			}
			w.meter.assigned(time.Now())
			w.loop.post(herder.Assigned{
				Generation: ev.Generation, MemberID: ev.MemberID, Protocol: p, Assignment: ev.Assignment,
			})
		case group.RebalanceNeeded:
			w.loop.post(herder.RebalanceNeeded{Generation: ev.Generation, Reason: ev.Reason})
		case group.Lost:
			w.abandonWrites()
			w.loop.post(herder.Lost{Reason: ev.Err.Error()})
		case group.Failed:
			w.abandonWrites()
			w.loop.post(herder.Lost{Reason: ev.Err.Error()})
			fail(fatal, ev.Err)
		case group.Left:
			w.groupLeft(ev.Err)
		case group.CoordinatorLost:
			w.log.Warn("the group coordinator does not answer; work goes on until the session ends", "error", ev.Err)
		case group.CoordinatorRecovered:
			w.log.Info("the group coordinator answers again")
		}
	}
}

// fail hands over what ends the worker; the first such error counts.
func fail(fatal chan<- error, err error) {
	select {
	case fatal <- err:
	default:
	}
}

// groupLeft notes that the coordinator knows, or cannot be told, that this worker has gone.
func (w *Worker) groupLeft(err error) {
	if err != nil {
		w.log.Warn("leaving the group", "error", err)
	}
	select {
	case w.left <- struct{}{}:
	default:
	}
}

// configChanged is told by the config store of every change, from its own goroutine.
func (w *Worker) configChanged(snap *cluster.Snapshot, d configlog.Delta) {
	for _, l := range d.Loggers {
		w.cfg.Logs.Set(l.Logger, l.Level)
	}
	w.mu.Lock()
	started := w.started
	w.mu.Unlock()
	if !started {
		return // Started brings the snapshot
	}
	ev := herder.ConfigChanged{Snapshot: snap, Configs: d.Configs, Removed: d.Removed, Tasks: d.Tasks, Targets: d.Targets}
	for _, r := range d.Restarts {
		if plan, _, ok := w.planRestart(r.Connector, r.IncludeTasks, r.OnlyFailed); ok {
			ev.Restarts = append(ev.Restarts, plan)
		}
	}
	w.loop.post(ev)
}
