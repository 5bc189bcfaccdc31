package sfn

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
)

// A countingJournal keeps nothing, and counts what it is given.
type countingJournal struct {
	mu                      sync.Mutex
	commits, records, bytes int
}

func (j *countingJournal) Commit(records ...journal.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commits++
	j.records += len(records)
	for _, r := range records {
		j.bytes += len(r.Key) + len(r.Value)
	}
	return nil
}

func (*countingJournal) Load(string, func(string, []byte) error) error { return nil }

func (j *countingJournal) forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.commits, j.records, j.bytes = 0, 0, 0
}

// chainOf returns a definition of so many Pass states in a row.
func chainOf(states int) string {
	var b strings.Builder
	b.WriteString(`{"StartAt":"S1","States":{`)
	for i := range states - 1 {
		fmt.Fprintf(&b, `"S%d":{"Type":"Pass","Next":"S%d"},`, i+1, i+2)
	}
	fmt.Fprintf(&b, `"S%d":{"Type":"Pass","End":true}}}`, states)
	return b.String()
}

const (
	// choiceAndMap chooses, and goes around its items with a choice in each.
	choiceAndMap = `{"StartAt":"Big","States":{
		"Big":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericGreaterThan":10,"Next":"Each"}],"Default":"Small"},
		"Small":{"Type":"Fail"},
		"Each":{"Type":"Map","ItemsPath":"$.items","End":true,"ItemProcessor":{"StartAt":"Odd","States":{
			"Odd":{"Type":"Choice","Choices":[{"Variable":"$.odd","BooleanEquals":true,"Next":"Yes"}],"Default":"No"},
			"Yes":{"Type":"Pass","Result":1,"End":true},"No":{"Type":"Pass","Result":0,"End":true}}}}}}`
	// callEach has a task for every item.
	callEach = `{"StartAt":"Each","States":{"Each":{"Type":"Map","ItemsPath":"$.items","End":true,
		"ItemProcessor":{"StartAt":"Call","States":{
			"Call":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","End":true}}}}}}`
	// waitForEach has a child that waits for every item, each until its own time.
	waitForEach = `{"StartAt":"Each","States":{"Each":{"Type":"Map","ItemsPath":"$.items","End":true,
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Sleep","States":{
			"Sleep":{"Type":"Wait","SecondsPath":"$.i","Next":"Wake"},"Wake":{"Type":"Pass","End":true}}}}}}`
)

// itemsOf returns an input of so many items.
func itemsOf(items int) string {
	var b strings.Builder
	b.WriteString(`{"n":17,"items":[`)
	for i := range items {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"i":%d,"odd":%t}`, i+1, i%2 == 1)
	}
	b.WriteString(`]}`)
	return b.String()
}

// BenchmarkCost tells what whole executions commit to the journal.
func BenchmarkCost(b *testing.B) {
	for _, bench := range []struct {
		what, definition, input string
		seconds                 int
	}{
		{"one state", passDefinition(""), "{}", 0},
		{"ten Pass states", chainOf(10), "{}", 0},
		{"Choice and Map of 100", choiceAndMap, itemsOf(100), 0},
		{"a Wait", waitAnHour, "{}", 3600},
		{"Map of 100 tasks", callEach, itemsOf(100), 0},
		{"Map of 400 tasks", callEach, itemsOf(400), 0},
		{"distributed Map of 250 Waits", waitForEach, itemsOf(250), 250},
		{"distributed Map of 1,000 Waits", waitForEach, itemsOf(1000), 1000},
	} {
		b.Run(bench.what, func(b *testing.B) {
			j := &countingJournal{}
			c := newCloud(b, func(config *Config) {
				config.Journal, config.Keep = j, 1000
				config.Integrations = &integrations{answer: func(context.Context, string, string, jsonvalue.Value) (jsonvalue.Value, error) {
					return jsonvalue.ObjectOf(jsonvalue.Member{Key: "MessageId", Value: jsonvalue.String("1")}), nil
				}}
			})
			arn := c.create("measured", bench.definition)
			j.forget()
			b.ReportAllocs()
			for b.Loop() {
				x := c.begin(arn, bench.input)
				for range bench.seconds {
					c.pass(time.Second)
				}
				c.pass(0)
				if status := c.look(x).Status; status != "SUCCEEDED" {
					b.Fatalf("the execution is %s, want SUCCEEDED", status)
				}
			}
			per := func(n int, unit string) { b.ReportMetric(float64(n)/float64(b.N), unit+"/execution") }
			per(j.commits, "commits")
			per(j.records, "records")
			per(j.bytes, "bytes")
		})
	}
}
