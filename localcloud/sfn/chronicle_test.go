package sfn

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crossfade-dev/crossfade/asl/machine"
)

// TestPackingKeepsEveryField fills every field that details have, so that a new
// one is not forgotten.
func TestPackingKeepsEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "a", "b", `{"long":"text"}`, "é"})
		start := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
		var events []machine.HistoryEvent
		for n := range rapid.IntRange(0, 40).Draw(t, "events") {
			e := machine.HistoryEvent{
				ID: int64(n + 1), PreviousID: rapid.Int64Range(0, int64(n)).Draw(t, "previous"),
				At:   start.Add(time.Duration(rapid.Int64Range(-1e9, 1e18).Draw(t, "at"))),
				Type: rapid.SampledFrom([]machine.EventType{machine.EventTaskFailed, machine.EventPassStateExited}).Draw(t, "type"),
			}
			if rapid.Bool().Draw(t, "details") {
				e.Details = &machine.Details{}
				v := reflect.ValueOf(e.Details).Elem()
				for i := range v.NumField() {
					name := v.Type().Field(i).Name
					switch f := v.Field(i).Addr().Interface().(type) {
					case *string:
						*f = text.Draw(t, name) + rapid.SampledFrom([]string{"", name}).Draw(t, "own")
					case **string:
						if rapid.Bool().Draw(t, name+" given") {
							*f = ptr(text.Draw(t, name))
						}
					case *int64:
						*f = rapid.Int64().Draw(t, name)
					case *[]machine.Assignment:
						for range rapid.IntRange(0, 3).Draw(t, name) {
							*f = append(*f, machine.Assignment{Name: text.Draw(t, "variable"), Value: text.Draw(t, "value")})
						}
					default:
						t.Fatalf("field %s has a type that packing does not know: %T", name, f)
					}
				}
			}
			events = append(events, e)
		}
		c := chronicle{events: append([]machine.HistoryEvent(nil), events...)}
		c.pack()
		if c.len() != len(events) {
			t.Fatalf("%d events, want %d", c.len(), len(events))
		}
		for i, e := range c.all() {
			if !reflect.DeepEqual(e, events[i]) {
				t.Fatalf("event %d came back as %+v with %+v, want %+v with %+v", i, e, e.Details, events[i], events[i].Details)
			}
		}
		more := []machine.HistoryEvent{{ID: int64(len(events) + 1), At: start, Type: machine.EventExecutionRedriven}}
		c.append(more)
		if got := c.all(); len(got) != len(events)+1 || !reflect.DeepEqual(got[len(events)], more[0]) {
			t.Fatalf("after appending: %d events", len(got))
		}
	})
}
