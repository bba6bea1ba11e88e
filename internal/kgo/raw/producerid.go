package raw

import (
	"fmt"
	"math"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/internal/kgo/raw/sequence"
)

func joined(servers []string) string { return strings.Join(servers, ",") }

// identify gets producer ids for a producer without transactions, each time that one is wanted.
func (p *Producer) identify() {
	for {
		select {
		case <-p.wantID:
		case <-p.ctx.Done():
			return
		}
		id, err := p.newID()
		p.mu.Lock()
		p.asking = false
		switch {
		case err == nil:
			p.id, p.hasID = id, true
			p.each(p.next)
		case p.ctx.Err() == nil:
			p.die(fmt.Errorf("no producer id: %w", named(err)))
		}
		p.unlock()
	}
}

// each does something to all lanes. The lock is held.
func (p *Producer) each(do func(*lane)) {
	for _, t := range p.topics {
		for _, l := range t.lanes {
			do(l)
		}
	}
}

// newID asks any broker, until one answers.
func (p *Producer) newID() (sequence.ID, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionTimeoutMillis = math.MaxInt32
	for tries := 1; ; tries++ {
		resp, hold, err := p.cl.Do(p.ctx, req)
		if err == nil {
			r := resp.(*kmsg.InitProducerIDResponse)
			id, failure := sequence.ID{Producer: r.ProducerID, Epoch: r.ProducerEpoch}, kerr.ErrorForCode(r.ErrorCode)
			hold.Release()
			if failure == nil {
				return id, nil
			}
			if err = failure; !kerr.IsRetriable(failure) {
				return sequence.NoID, failure
			}
		}
		p.log.Debug("no producer id", "error", err)
		if err := p.cl.sleep(p.ctx, p.cl.Backoff(tries), ""); err != nil {
			return sequence.NoID, err
		}
	}
}
