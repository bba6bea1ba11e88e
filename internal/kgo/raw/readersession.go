package raw

import (
	"context"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect"
)

// fetchSession is what a broker remembers of a reader between fetches (KIP-227): partitions, with offsets. A fetch then names only what
// has changed.
type fetchSession struct {
	id    int32 // 0: none
	epoch int32 // of the next fetch
	// byID: topics go by their ids (fetch versions from 13 on).
	byID bool
	// members are the partitions that the broker knows of, with their topics' ids; leaving are those that it shall forget.
	members map[connect.TopicPartition][16]byte
	leaving map[connect.TopicPartition]struct{}
}

// drop has a partition leave the session with the next fetch.
func (f *fetchSession) drop(tp connect.TopicPartition) {
	if _, has := f.members[tp]; has {
		f.leaving[tp] = struct{}{}
	}
}

// reset has the next fetch name all partitions. The broker is told to forget the session if it may still know it.
func (f *fetchSession) reset(known bool) {
	f.epoch = 0
	if !known {
		f.id = 0
	}
	f.members, f.leaving = map[connect.TopicPartition][16]byte{}, map[connect.TopicPartition]struct{}{}
}

// answered takes in a response without an error. It tells whether a session began.
func (f *fetchSession) answered(id int32) (began bool) {
	switch {
	case id == 0: // the broker keeps no session, or no longer
		f.reset(false)
		return false
	case f.epoch == 0 || f.id != id:
		f.id, f.epoch = id, 1
		return true
	case f.epoch == math.MaxInt32:
		f.epoch = 1
	default:
		f.epoch++
	}
	return false
}

// forgotten lists who leaves, for a request. Those for which stays says so stay, with news or without.
func (f *fetchSession) forgotten(stays func(connect.TopicPartition) bool) []kmsg.FetchRequestForgottenTopic {
	var out []kmsg.FetchRequestForgottenTopic
	at := map[string]int{}
	for tp := range f.leaving {
		delete(f.leaving, tp)
		if stays(tp) {
			continue
		}
		id := f.members[tp]
		delete(f.members, tp)
		key := string(id[:]) + tp.Topic
		i, has := at[key]
		if !has {
			i = len(out)
			at[key] = i
			t := kmsg.NewFetchRequestForgottenTopic()
			t.Topic, t.TopicID = tp.Topic, id
			out = append(out, t)
		}
		out[i].Partitions = append(out[i].Partitions, tp.Partition)
	}
	return out
}

// endTime is how long closing may take for telling brokers that their sessions are over.
const endTime = time.Second

// endSessions tells the brokers that their sessions are over, as far as they listen: they keep a limited number of them.
func (r *Reader) endSessions() {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	for _, s := range r.sources {
		if s.session.id == 0 {
			continue
		}
		r.work.Go(func() {
			// Not behind the fetch that may be under way.
			conn, err := r.cl.Conn(ctx, s.id, ForOther)
			if err != nil {
				return
			}
			req := kmsg.NewPtrFetchRequest()
			if conn.Negotiate(req, leastFetch, mostFetch) != nil {
				return
			}
			req.ReplicaID, req.ReplicaState.ID = -1, -1
			req.SessionID, req.SessionEpoch = s.session.id, -1
			_, hold, err := conn.DoAs(ctx, req)
			if err == nil {
				hold.Release()
			}
		})
	}
	r.work.Wait()
}
