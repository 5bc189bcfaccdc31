package sfn

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// oldJournal returns what a release wrote that kept everything as JSON, up to
// 1,100 seconds after testStart.
func oldJournal(t *testing.T) *fakeJournal {
	t.Helper()
	text, err := os.ReadFile("testdata/journal-format-1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	j := &fakeJournal{}
	for line := range bytes.Lines(text) {
		var r struct {
			Kind, Key string
			Value     json.RawMessage
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if err := j.Commit(journal.Record{Kind: r.Kind, Key: r.Key, Value: r.Value}); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func TestExecutionsOfAnOlderReleaseGoOnWhereTheyWere(t *testing.T) {
	j := oldJournal(t)
	c := over(t, j, 1100*time.Second)
	before := c.shape()
	running := func(c *cloud) (n int) {
		for _, m := range must[*sfnapi.ListStateMachinesOutput](t)(c.listStateMachines(c.ctx, &sfnapi.ListStateMachinesInput{})).StateMachines {
			for _, x := range must[*sfnapi.ListExecutionsOutput](t)(c.listExecutions(c.ctx, &sfnapi.ListExecutionsInput{StateMachineArn: &m.StateMachineArn})).Executions {
				switch x.Status {
				case "RUNNING":
					n++
				case "SUCCEEDED":
				default:
					t.Errorf("%s is %s", x.ExecutionArn, x.Status)
				}
			}
		}
		return n
	}
	if n := running(c); n != 3 {
		t.Fatalf("%d executions are running, want 3:\n%s", n, before)
	}
	if again := over(t, j, 1100*time.Second); again.shape() != before {
		t.Errorf("after another restart:\n%s\nwant\n%s", again.shape(), before)
	}
	c = over(t, j, 1100*time.Second)
	c.pass(time.Hour)
	if n := running(c); n != 0 {
		t.Errorf("%d executions never went on:\n%s", n, c.shape())
	}
	after := c.shape()
	if again := over(t, j, 1100*time.Second+time.Hour); again.shape() != after {
		t.Errorf("after the end and a restart:\n%s\nwant\n%s", again.shape(), after)
	}
	if !strings.Contains(after, `MapRunSucceeded`) {
		t.Errorf("no map run has ended:\n%s", after)
	}
}

func TestADamagedPartOfAHistoryIsNoticed(t *testing.T) {
	events := []machine.HistoryEvent{
		{ID: 1, At: testStart, Type: machine.EventExecutionStarted, Details: &machine.Details{Input: `{"a":1}`}},
		{ID: 2, At: testStart, Type: machine.EventPassStateEntered, Details: &machine.Details{Name: "P", Input: `{"a":1}`}},
	}
	value := historyPart{machine: "id", name: "run", part: 3, events: packEvents(events)}.encode()
	got, err := decodePart(value)
	if err != nil {
		t.Fatal(err)
	}
	if got.machine != "id" || got.name != "run" || got.part != 3 || !reflect.DeepEqual(got.events.unpack(), events) {
		t.Errorf("it came back as %+v with %+v", got, got.events.unpack())
	}
	for i := range value {
		damaged := bytes.Clone(value)
		damaged[i] ^= 0x24
		if _, err := decodePart(damaged); err == nil {
			t.Errorf("byte %d of %d is another, and nobody noticed", i, len(value))
		}
		if _, err := decodePart(value[:i]); !errors.Is(err, errTornPart) {
			t.Errorf("cut to %d bytes: got %v, want %v", i, err, errTornPart)
		}
	}
}
