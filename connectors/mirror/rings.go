package mirror

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect/config"
	"github.com/connectd/connectd/connectors/mirror/ring"
	"github.com/connectd/connectd/internal/client"
)

const (
	propCycles        = "cycle.detection.enabled"
	propCycleInterval = "cycle.detection.interval.ms"
)

// ringDef declares what concerns rings; Kafka's mirrors have nothing like it.
var ringDef = config.New(
	config.Key{
		Name: propCycles, Type: config.TypeBoolean, Default: true, Importance: config.Low,
		Doc: "Whether a link is refused, and a topic not copied, by which records would come back to be copied again and again. `false`: the link copies in circles if it is told to, and other links are not told of it.",
	},
	config.Key{
		Name: propCycleInterval, Type: config.TypeLong, Default: linkRenewal.Milliseconds(), Importance: config.Low, Validator: config.Between(int64(100), linkRenewal.Milliseconds()),
		Doc: "How often a link tells others of itself, and looks what it knows of them, in ms.",
	},
)

// Waits of the watch: soon after the start, as several links may start at once and the younger one yields, then as often as
// links tell of themselves.
var lookWaits = []time.Duration{3 * time.Second, 10 * time.Second}

const (
	lookTimeout = 20 * time.Second
	firstLook   = 3 * time.Second // how long the first task configs wait for what is known of other links
	endTimeout  = 2 * time.Second
	ringsShown  = 20 // in a status
)

// ringWatch keeps a running link known to others, and knows them.
type ringWatch struct {
	s        *settings
	clients  Clients
	src, dst Admin
	log      *slog.Logger
	every    time.Duration
	began    time.Time

	news   chan struct{} // gets one when other links came, changed or went
	looked chan struct{} // closed after the first look
	done   chan struct{}

	// Of the watch's goroutine:
	books   [2]linkBook // of source and target
	warned  map[string]bool
	ensured bool // the links topics are there

	mu      sync.Mutex
	own     *definition // nil until the clusters' ids are known
	others  definitions
	foreign []*ring.Link // links of Java workers
	last    string       // what the others were when news was told
}

// watchRings starts the watch if one is asked for; it ends with ctx. Nil stands for none.
func watchRings(ctx context.Context, s *settings, clients Clients, src, dst Admin, log *slog.Logger) *ringWatch {
	v, err := ringDef.Parse(s.props)
	if err != nil || !v.Bool(propCycles) {
		return nil
	}
	w := &ringWatch{
		s: s, clients: clients, src: src, dst: dst, log: log, every: v.Duration(propCycleInterval), began: time.Now(), warned: map[string]bool{},
		news: make(chan struct{}, 1), looked: make(chan struct{}), done: make(chan struct{}),
	}
	go w.run(ctx)
	return w
}

func (w *ringWatch) run(ctx context.Context) {
	defer close(w.done)
	waits := lookWaits
	for first := true; ctx.Err() == nil; first = false {
		look, cancel := context.WithTimeout(ctx, lookTimeout)
		w.look(look)
		cancel()
		if first {
			close(w.looked)
		}
		wait := w.every
		if len(waits) > 0 {
			wait, waits = min(wait, waits[0]), waits[1:]
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// end waits for the watch, whose context has ended, and tells others that the link does not run any more.
func (w *ringWatch) end() {
	if w == nil {
		return
	}
	<-w.done
	if w.own == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	gone := *w.own
	gone.Ended, gone.Written = true, time.Now().UnixMilli()
	for _, side := range w.sides() {
		if err := w.write(ctx, side, gone); err != nil {
			w.log.Debug("other links can't be told that this one has stopped", "cluster", side, "error", err)
		}
	}
}

// Sides of a link.
const (
	sourceSide = "source"
	targetSide = "target"
)

// sides are the clusters to write to: one, if source and target are the same.
func (w *ringWatch) sides() []string {
	if w.own.Source == w.own.Target {
		return []string{sourceSide}
	}
	return []string{sourceSide, targetSide}
}

// look reads what links tell, tells of this one, and passes on what one cluster knows to the other. What fails is told once and
// tried again with the next look.
func (w *ringWatch) look(ctx context.Context) {
	var own definition
	if w.own != nil {
		own = *w.own
	} else if d, err := identify(ctx, w.s, w.src, w.dst); err == nil {
		own = d
	} else {
		w.warn(ctx, "the clusters' ids are not known", err)
		return
	}
	one := own.Source == own.Target
	var topics [2]map[string]client.Topic
	if !w.ensured || w.s.policy.identity { // under which other links show in topics
		topics = w.ensure(ctx, one)
	}
	w.read(ctx, one)
	now := time.Now()
	own.Written, own.Since = now.UnixMilli(), w.began.UnixMilli()
	if mine := union(w.books[0].known, w.books[1].known)[own.key()]; mine.continues(own, now) {
		own.Since = mine.Since
	}
	w.mu.Lock()
	w.own = &own
	w.mu.Unlock()
	for i, side := range w.sides() {
		from, to := w.books[1-i].known, w.books[i].known
		if err := w.write(ctx, side, append([]definition{own}, toPass(from, to, own.key())...)...); err != nil {
			w.ensured = false
			w.warn(ctx, "this link can't be told of in "+linksTopic+" of the "+side+" cluster, so other links know nothing of it there", err)
		}
	}
	w.read(ctx, one) // whoever started at the same time has told of itself by now, or will see this link
	others := union(w.books[0].known, w.books[1].known)
	foreign, err := javaLinks(ctx, w.clients, w.s, own, topics, others)
	if err != nil {
		w.warn(ctx, "what Java's links tell of themselves can't be read", err)
	}
	w.take(now, others, foreign)
}

// identify describes the link by the clusters' own ids.
func identify(ctx context.Context, s *settings, src, dst Admin) (definition, error) {
	source, err := src.Cluster(ctx)
	if err != nil {
		return definition{}, fmt.Errorf("source cluster %s: %w", s.source, err)
	}
	target, err := dst.Cluster(ctx)
	if err != nil {
		return definition{}, fmt.Errorf("target cluster %s: %w", s.target, err)
	}
	if source.ID == "" || target.ID == "" {
		return definition{}, errors.New("the brokers tell no cluster id")
	}
	return define(s, source.ID, target.ID)
}

// ensure makes the links topics, and gives the topics of source and target.
func (w *ringWatch) ensure(ctx context.Context, one bool) (topics [2]map[string]client.Topic) {
	w.ensured = true
	for i, a := range []Admin{w.src, w.dst} {
		var err error
		if topics[i], err = a.Topics(ctx); err == nil && (i == 0 || !one) {
			err = ensureLinksTopic(ctx, a, topics[i])
		}
		if err != nil {
			w.ensured = false
			w.warn(ctx, "the topic "+linksTopic+" of the "+[]string{sourceSide, targetSide}[i]+" cluster can't be made", err)
		}
	}
	return topics
}

func (w *ringWatch) read(ctx context.Context, one bool) {
	for i, side := range []string{sourceSide, targetSide} {
		if i > 0 && one {
			return
		}
		if err := w.readBook(ctx, &w.books[i], side); err != nil {
			w.warn(ctx, "the topic "+linksTopic+" of the "+side+" cluster can't be read, so links known there only are not known here", err)
		}
		w.books[i].known.expire(time.Now())
	}
}

func (w *ringWatch) readBook(ctx context.Context, b *linkBook, side string) error {
	return withReader(w.clients, w.s, side, func(r Reader) error { return b.read(ctx, r) })
}

// withReader opens a reader of a cluster for a short time.
func withReader(clients Clients, s *settings, side string, use func(Reader) error) error {
	r, err := clients.Reader(s.clientProps(side, "consumer", "links-consumer"))
	if err != nil {
		return err
	}
	return errors.Join(use(r), r.Close())
}

// write appends definitions to the links topic of a cluster.
func (w *ringWatch) write(ctx context.Context, side string, ds ...definition) error {
	recs := make([]client.ProducerRecord, 0, len(ds))
	for i, d := range ds {
		key, value, err := d.encode()
		if err != nil {
			return err
		}
		recs = append(recs, client.ProducerRecord{Seq: uint64(i + 1), Topic: linksTopic, Key: key, Value: value, TimestampMs: -1})
	}
	var mu sync.Mutex
	var failed error
	props := w.s.clientProps(side, "producer", "links-producer")
	props["enable.idempotence"] = "false" // a definition twice does no harm, and a producer id takes its time
	p, err := w.clients.Writer(props, func(ds []client.Delivery) {
		mu.Lock()
		defer mu.Unlock()
		for _, d := range ds {
			failed = errors.Join(failed, d.Err)
		}
	})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.Send(ctx, recs); err != nil {
		return err
	}
	if err := p.Flush(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return failed
}

// warn tells of each failure once, not with every look.
func (w *ringWatch) warn(ctx context.Context, what string, err error) {
	level := slog.LevelWarn
	if w.warned[what] || errors.Is(ctx.Err(), context.Canceled) {
		level = slog.LevelDebug
	}
	w.warned[what] = true
	w.log.Log(ctx, level, "rings of mirrors are looked for with what is known: "+what, "error", err)
}

// take notes what is known now, and tells whether that changed.
func (w *ringWatch) take(now time.Time, others definitions, foreign []*ring.Link) {
	var told []string
	for _, d := range others {
		if d.alive(now) && d.key() != w.own.key() {
			d.Written = 0
			told = append(told, fmt.Sprintf("%+v", d))
		}
	}
	slices.Sort(told)
	for _, l := range foreign {
		told = append(told, l.Name)
	}
	w.mu.Lock()
	w.others, w.foreign = others, foreign
	last := strings.Join(told, "\n")
	changed := last != w.last
	w.last = last
	w.mu.Unlock()
	if changed {
		select {
		case w.news <- struct{}{}:
		default:
		}
	}
}

// changed gets one when topics are to be looked at again. A nil watch never tells.
func (w *ringWatch) changed() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.news
}

// await waits until the first look has ended, but not for long: clusters that don't answer are told of elsewhere.
func (w *ringWatch) await(ctx context.Context) {
	if w == nil {
		return
	}
	select {
	case <-w.looked:
	case <-ctx.Done():
	case <-time.After(firstLook):
	}
}

// leaveOut takes topics out that would come back to be copied again, and tells why; nothing for no such topic. Of the links of a
// ring the youngest yields, so that data goes on flowing as it did.
func (w *ringWatch) leaveOut(topics map[string]client.Topic) string {
	if w == nil {
		return ""
	}
	w.mu.Lock()
	own, others, foreign := w.own, w.others, w.foreign
	w.mu.Unlock()
	if own == nil {
		return ""
	}
	l, err := own.link()
	if err != nil {
		return ""
	}
	names := slices.Sorted(maps.Keys(topics))
	rings, complete := ring.Rings(l, append(others.elders(own, time.Now()), foreign...), names)
	if !complete {
		w.log.Warn("there are too many topics and links to look for all rings of mirrors")
	}
	var b strings.Builder
	for i, r := range rings {
		delete(topics, r.Topic)
		if i < ringsShown {
			fmt.Fprintf(&b, "topic %s is not copied, since it would come back to be copied again: %s\n", r.Topic, r)
		}
	}
	if len(rings) > ringsShown {
		fmt.Fprintf(&b, "and %d more topics\n", len(rings)-ringsShown)
	}
	if len(rings) > 0 {
		b.WriteString(ringAdvice)
	}
	return b.String()
}

const ringAdvice = "Change " + propTopics + " or " + propExclude + " of one of the links, or set " + propCycles + "=false if records are meant to go round"
