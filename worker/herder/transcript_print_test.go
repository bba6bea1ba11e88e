package herder

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/connectd/connectd/worker/proto"
)

// joined has this worker, m1, lead a round: "joined gen=2 m2 m2.offset=3 m2.runs=a,a-0".
func (p *transcript) joined(o opts) (Event, error) {
	ev := Joined{
		Generation: int32(number(o["gen"])), MemberID: "m1", LeaderID: "m1", Protocol: proto.Sessioned,
		Members: map[string][]byte{"m1": p.offer},
	}
	for id := range o {
		if !strings.HasPrefix(id, "m") || strings.Contains(id, ".") {
			continue
		}
		m := proto.Metadata{URL: "http://w" + id[1:] + "/", ConfigOffset: p.snap.Offset}
		if text, ok := o[id+".offset"]; ok {
			m.ConfigOffset = int64(number(text))
		}
		if text, ok := o[id+".runs"]; ok {
			m.Assignment = &proto.Assignment{Leader: "m1", LeaderURL: "http://w1/", Assigned: parseWorks(text)}
		}
		data, err := proto.EncodeMetadata(proto.Sessioned, m)
		if err != nil {
			return nil, err
		}
		ev.Members[id] = data
	}
	return ev, nil
}

// assigned completes a round: by what this worker sent as the leader, or by "from=m2 offset=3 work=a revoked=a-0 delay=5s".
func (p *transcript) assigned(o opts) (Event, error) {
	ev := Assigned{Generation: int32(number(o["gen"])), MemberID: "m1", Protocol: proto.Sessioned, Assignment: p.sync["m1"]}
	from, ok := o["from"]
	if !ok {
		return ev, nil
	}
	a := &proto.Assignment{
		Leader: from, LeaderURL: "http://w" + from[1:] + "/", ConfigOffset: int64(number(o["offset"])),
		Assigned: parseWorks(o["work"]), Revoked: parseWorks(o["revoked"]),
	}
	if _, mismatch := o["mismatch"]; mismatch {
		a.Error = proto.ConfigMismatch
	}
	var err error
	if text := o["delay"]; text != "" {
		if a.Delay, err = time.ParseDuration(text); err != nil {
			return nil, err
		}
	}
	ev.Assignment, err = proto.EncodeAssignment(proto.Sessioned, a)
	return ev, err
}

func parseWorks(text string) (w proto.Work) {
	for item := range strings.SplitSeq(text, ",") {
		switch id := parseWork(item); {
		case item == "":
		case id.Task == Itself:
			w.Connectors = append(w.Connectors, id.Connector)
		default:
			w.Tasks = append(w.Tasks, id)
		}
	}
	return w
}

func (p *transcript) line(format string, args ...any) {
	p.out.WriteString(strings.TrimRight(fmt.Sprintf("  "+format, args...), " ") + "\n")
}

// effect writes one effect, and keeps what later events refer to.
func (p *transcript) effect(e Effect) {
	switch e := e.(type) {
	case Join:
		p.offer = e.Offers[0].Metadata
		m, err := proto.DecodeMetadata(p.offer)
		if err != nil {
			p.line("join with unreadable metadata: %v", err)
			return
		}
		runs := "nothing yet"
		if m.Assignment != nil {
			runs = listed(m.Current())
		}
		p.line("join completed=%d offset=%d runs [%s] because %s", e.Completed, m.ConfigOffset, runs, e.Reason)
	case Sync:
		p.sync = e.Assignments
		p.line("sync gen=%d", e.Generation)
		for _, id := range slices.Sorted(maps.Keys(e.Assignments)) {
			a, err := proto.DecodeAssignment(e.Assignments[id])
			if err != nil {
				p.line("  %s: %v", id, err)
				continue
			}
			p.line("  %s: error=%d offset=%d work [%s] revoked [%s] delay=%v", id, a.Error, a.ConfigOffset, listed(a.Assigned), listed(a.Revoked), a.Delay)
		}
	case StartWork:
		p.started[e.Work] = e.Incarnation
		p.line("start %s #%d %s config %s task %s", workName(e.Work), e.Incarnation, e.Target, pairs(e.Config), pairs(e.TaskConfig))
	case StopWork:
		p.line("stop %s #%d", workName(e.Work), e.Incarnation)
	case SetWorkTarget:
		p.line("target of %s #%d is %s", workName(e.Work), e.Incarnation, e.Target)
	case SetTimer:
		if e.At.IsZero() {
			p.line("timer %s off", timerName(e.Timer))
			return
		}
		p.line("timer %s in %v", timerName(e.Timer), e.At.Sub(p.now))
	default:
		p.rest(e)
	}
}

func (p *transcript) rest(e Effect) {
	switch e := e.(type) {
	case Leave:
		p.line("leave because %s", e.Reason)
	case ReadConfigToEnd:
		p.line("read config topic within %v", e.Timeout)
	case ReconfigureTask:
		p.line("task %s #%d gets config %s", e.Work, e.Incarnation, pairs(e.Config))
	case GenerateTaskConfigs:
		p.line("generate tasks of %s #%d by %s", e.Connector, e.Incarnation, pairs(e.Config))
	case ForwardTaskConfigs:
		p.line("forward %d tasks of %s #%d to %s", len(e.Configs), e.Connector, e.Incarnation, e.LeaderURL)
	case Write:
		for _, r := range e.Records {
			p.line("write %s", recordText(r))
		}
	case RequestFencing:
		p.rounds[e.Connector] = e.Round
		p.line("ask %s for fencing of %s", e.LeaderURL, e.Connector)
	case FenceTasks:
		p.rounds[e.Connector] = e.Round
		p.line("fence %d tasks of %s", e.Tasks, e.Connector)
	case ClaimWrites:
		p.line("claim writes")
	case RelinquishWrites:
		p.line("relinquish writes")
	case ModifyOffsets:
		p.line("change offsets of %s: %v", e.Connector, e.Change)
	case WriteStatus:
		p.line("status of %s is %s gen=%d safe=%v %s", workName(e.Work), e.State, e.Generation, e.Safe, e.Trace)
	case CleanStatuses:
		p.line("clean statuses")
	case Reply:
		outcome := "done"
		if e.Err != nil {
			outcome = fmt.Sprintf("%T %v", e.Err, e.Err)
		}
		p.line("reply %d %s%s", e.To, outcome, map[bool]string{true: " created"}[e.Result.Created])
	case Note:
		if e.Level > Debug {
			p.line("log %s: %s %v", [...]string{"debug", "info", "warn", "error"}[e.Level], e.Message, e.Args)
		}
	case Exit:
		p.line("exit")
	default:
		p.line("%T", e)
	}
}

func listed(w proto.Work) string {
	items := slices.Clone(w.Connectors)
	for _, t := range w.Tasks {
		items = append(items, t.String())
	}
	return strings.Join(items, " ")
}

func pairs(m map[string]string) string {
	items := []string{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		items = append(items, k+"="+m[k])
	}
	return "{" + strings.Join(items, " ") + "}"
}

func timerName(t Timer) string {
	name := map[TimerKind]string{
		TimerRebalance: "rebalance", TimerRejoin: "rejoin", TimerReconfigure: "reconfigure", TimerKey: "key", TimerReread: "reread",
		TimerMismatch: "mismatch", TimerFencing: "fencing", TimerClaim: "claim",
	}[t.Kind]
	return strings.TrimSpace(name + " " + t.Connector)
}

func recordText(r ConfigRecord) string {
	switch r := r.(type) {
	case ConnectorRecord:
		return fmt.Sprintf("connector %s %s %s", r.Name, pairs(r.Config), r.Target)
	case RemoveRecord:
		return "remove " + r.Name
	case TasksRecord:
		var configs []string
		for _, c := range r.Configs {
			configs = append(configs, pairs(c))
		}
		return fmt.Sprintf("tasks %s [%s]", r.Name, strings.Join(configs, " "))
	case TargetRecord:
		return fmt.Sprintf("target %s %s", r.Name, r.Target)
	case RestartRecord:
		return fmt.Sprintf("restart %s tasks=%v failed=%v", r.Name, r.IncludeTasks, r.OnlyFailed)
	case TaskCountRecord:
		return fmt.Sprintf("task count of %s is %d", r.Name, r.Tasks)
	case SessionKeyRecord:
		return "a new session key"
	}
	return fmt.Sprintf("%T", r)
}
