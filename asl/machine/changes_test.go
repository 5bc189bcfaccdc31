package machine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// TestEveryFieldOfAFrameCounts changes one field after the other, so that a new one is not
// forgotten where frames are compared.
func TestEveryFieldOfAFrameCounts(t *testing.T) {
	value := jsonvalue.String("other")
	values := []any{
		int64(7), int32(7), int(7), phase(7), "text", true, time.Unix(7, 0), value, document{value: value}, TaskID(7),
		[]int32{7}, []variable{{"v", value}}, &task{ID: 7}, &group{Done: 7}, &item{value}, &child{Events: 7},
		[]document{{value: value}}, []ended{{Index: 7}}, &transfer{MaxItems: 7},
	}
	change := func(of any, field int) {
		v := reflect.ValueOf(of).Elem().Field(field)
		for _, other := range values {
			if reflect.TypeOf(other) == v.Type() {
				v.Set(reflect.ValueOf(other))
				return
			}
		}
		t.Fatalf("the test has no other %s", v.Type())
	}
	for _, part := range []func(f *frame) any{
		func(f *frame) any { return f },
		func(f *frame) any { return f.Group },
		func(f *frame) any { return f.Task },
		func(f *frame) any { return f.Child },
	} {
		of := reflect.TypeOf(part(&frame{Group: &group{}, Task: &task{}, Child: &child{}})).Elem()
		for i := range of.NumField() {
			name := of.Field(i).Name
			if of.Name() == "frame" && (name == "parent" || name == "Serial") || name == "Frames" {
				continue // the first two never change, and the last are compared one by one
			}
			f := &frame{Serial: 1, Group: &group{}, Task: &task{}, Child: &child{}}
			old := &seenFrame{}
			old.update(f)
			if !old.same(f) {
				t.Fatal("a frame that nobody touched has changed")
			}
			change(part(f), i)
			if old.same(f) {
				t.Errorf("nobody noticed another %s of a %s", name, of.Name())
			}
			old.update(f)
			if !old.same(f) {
				t.Errorf("the other %s of a %s is not remembered", name, of.Name())
			}
		}
	}
}

func TestChangesAreSmallHoweverManyFramesThereAre(t *testing.T) {
	p := mustCompile(t, `{"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true, "ItemsPath": "$.items",
		"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "Call", "States": {
			"Call": {"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:111111111111:function:f", "End": true}}}}}}`)
	largest := func(items int) int {
		var list []jsonvalue.Value
		for i := range items {
			list = append(list, jsonvalue.String(fmt.Sprintf("item %d", i)))
		}
		now := time.Unix(1_700_000_000, 0)
		x := New(p, Start{Input: jsonvalue.ObjectOf(jsonvalue.Member{Key: "items", Value: jsonvalue.ArrayOf(list...)})})
		open := Step(p, x, Begin{}, now).Effects
		whole, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		saver := NewSaver(x)
		var later [][]byte
		most := 0
		for _, e := range open[1:] {
			Step(p, x, TaskSucceeded{Task: e.(CallTask).Task, Output: jsonvalue.Int(1)}, now)
			text, ok := saver.Changes(x)
			if !ok {
				t.Fatal("a running execution was to be saved whole")
			}
			later, most = append(later, text), max(most, len(text))
		}
		again, err := Load(whole, later...)
		if err != nil {
			t.Fatal(err)
		}
		Step(p, again, TaskSucceeded{Task: open[0].(CallTask).Task, Output: jsonvalue.Int(1)}, now)
		if again.Status != StatusSucceeded {
			t.Fatalf("after %d changes and the last answer the execution is %s", len(later), again.Status)
		}
		return most
	}
	if few, many := largest(10), largest(500); many > few+100 {
		t.Errorf("a change takes %d bytes among 500 children, %d among 10", many, few)
	}
}

func TestChangesThatDoNotFitAreRefused(t *testing.T) {
	p := mustCompile(t, `{"StartAt": "Sleep", "States": {"Sleep": {"Type": "Wait", "Seconds": 60, "End": true}}}`)
	x := New(p, Start{Input: jsonvalue.ObjectOf()})
	Step(p, x, Begin{}, time.Unix(1_700_000_000, 0))
	whole, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{`, `{"frames":[{"parent":9,"frame":{"serial":10}}]}`, `{"gone":[9]}`, `{"mapRuns":[{"at":1,"run":{}}]}`,
		`{"mapRuns":[{"at":0,"run":{},"children":[{"at":1,"child":{}}]}]}`,
		`{"frames":[{"frame":{"serial":1},"group":{"same":true}}]}`,
		`{"frames":[{"frame":{"serial":1},"group":{"kept":1,"group":{}}}]}`,
		`{"frames":[{"frame":{"serial":1},"group":{"group":{},"results":[{"at":0,"result":"1"}]}}]}`,
	} {
		if _, err := Load(whole, []byte(text)); err == nil {
			t.Errorf("%s was applied", text)
		}
	}
}
