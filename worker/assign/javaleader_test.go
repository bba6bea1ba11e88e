package assign

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/connectd/connectd/internal/cluster"
	"github.com/connectd/connectd/internal/testkit"
)

// javaLeader is testdata/JavaLeader.java: the coordinator and the assignors of Kafka Connect 4.3.1, from their jar.
type javaLeader struct {
	t       *testing.T
	program *testkit.JavaProgram
}

func startJavaLeader(t *testing.T) *javaLeader {
	return &javaLeader{t: t, program: testkit.StartJava(t, filepath.Join("testdata", "JavaLeader.java"))}
}

func (j *javaLeader) send(question any) {
	j.t.Helper()
	line, err := json.Marshal(question)
	if err != nil {
		j.t.Fatal(err)
	}
	j.program.Send(line)
}

func (j *javaLeader) receive(answer any) {
	j.t.Helper()
	line := j.program.Receive()
	if err := json.Unmarshal(line, answer); err != nil {
		j.t.Fatalf("%v: %s", err, line)
	}
}

// longestPauses is what the pause between revoking rounds grows to in Java, under each limit.
func (j *javaLeader) longestPauses(limits []time.Duration) []time.Duration {
	j.t.Helper()
	var question struct {
		Limits []int64 `json:"limits"`
	}
	for _, l := range limits {
		question.Limits = append(question.Limits, l.Milliseconds())
	}
	var answer struct{ Pauses []int64 }
	j.send(question)
	j.receive(&answer)
	pauses := make([]time.Duration, len(limits))
	for i, ms := range answer.Pauses {
		pauses[i] = time.Duration(ms) * time.Millisecond
	}
	return pauses
}

// lead has Java lead the rounds of a history; for each history its workers start afresh. The answers come by led.
func (j *javaLeader) lead(rounds []round) {
	j.t.Helper()
	var question struct {
		Rounds []javaRound `json:"rounds"`
	}
	for _, r := range rounds {
		question.Rounds = append(question.Rounds, r.question)
	}
	j.send(question)
}

func (j *javaLeader) led(rounds []round) []javaAnswer {
	j.t.Helper()
	var answer struct{ Answers []javaAnswer }
	j.receive(&answer)
	if len(answer.Answers) != len(rounds) {
		j.t.Fatalf("%d answers to %d rounds", len(answer.Answers), len(rounds))
	}
	return answer.Answers
}

// javaRound is one round as its leader sees it.
type javaRound struct {
	Worker     string       `json:"worker"`
	MaxDelay   int64        `json:"maxDelay"`
	Now        int64        `json:"now"`
	Protocol   string       `json:"protocol"`
	Leader     string       `json:"leader"`
	Generation int32        `json:"generation"`
	Completed  int32        `json:"completed"`
	JoinedWith javaConfigs  `json:"joinedWith"`
	Newest     javaConfigs  `json:"newest"`
	Members    []javaMember `json:"members"`
	Remind     []javaItem   `json:"remind"`
}

type javaMember struct {
	ID       string `json:"id"`
	Metadata []byte `json:"metadata"`
}

type javaItem struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

type javaConfigs struct {
	Offset     int64           `json:"offset"`
	Connectors []javaConnector `json:"connectors"`
}

type javaConnector struct {
	Name         string `json:"name"`
	Tasks        int    `json:"tasks"`
	Inconsistent bool   `json:"inconsistent"`
}

func configsForJava(s *cluster.Snapshot) javaConfigs {
	c := javaConfigs{Offset: s.Offset, Connectors: []javaConnector{}}
	for _, name := range s.Names() {
		c.Connectors = append(c.Connectors, javaConnector{name, len(s.Connectors[name].Tasks), s.Connectors[name].Inconsistent})
	}
	return c
}

// javaAnswer is what Java made of a round: bytes for SyncGroup, and who owns what.
type javaAnswer struct {
	Assignments       map[string][]byte
	Connectors, Tasks map[string]string
}
