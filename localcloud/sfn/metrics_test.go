package sfn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// counters remembers what was counted, by metric and dimensions.
type counters struct {
	mu     sync.Mutex
	values map[string]float64
}

type counter struct {
	to   *counters
	name string
}

func (c *counters) Series(account, region, name, unit string, dimensions []Dimension) Series {
	text := name
	for _, d := range dimensions {
		value := d.Value
		if d.Name == "StateMachineArn" {
			value = value[strings.LastIndex(value, ":")+1:]
		}
		text += " " + d.Name + "=" + value
	}
	return &counter{c, text + " " + unit}
}

func (c *counter) Record(value float64, _ time.Time) {
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	c.to.values[c.name] += value
}

func TestExecutionsAreCountedByMachineVersionAndAlias(t *testing.T) {
	metrics := &counters{values: map[string]float64{}}
	c := newCloud(t, func(config *Config) { config.Metrics = metrics })
	arn := c.create("counted", `{"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":2,"Next":"Bad"},"Bad":{"Type":"Fail"}}}`, published)
	two := c.update(arn, `{"TimeoutSeconds":5,"StartAt":"Sleep","States":{"Sleep":{"Type":"Wait","Seconds":60,"End":true}}}`)
	live := c.makeAlias("live", to(two, 100))
	c.begin(arn + ":1") // fails after 2 s
	c.begin(live)       // times out after 5 s
	c.begin(two)
	c.pass(time.Minute)
	var got []string
	for _, name := range slices.Sorted(maps.Keys(metrics.values)) {
		got = append(got, fmt.Sprintf("%s %g", name, metrics.values[name]))
	}
	want := `ExecutionTime StateMachineArn=counted Alias=live Milliseconds 5000
ExecutionTime StateMachineArn=counted Milliseconds 12000
ExecutionTime StateMachineArn=counted Version=1 Milliseconds 2000
ExecutionTime StateMachineArn=counted Version=2 Milliseconds 10000
ExecutionsFailed StateMachineArn=counted Count 1
ExecutionsFailed StateMachineArn=counted Version=1 Count 1
ExecutionsStarted StateMachineArn=counted Alias=live Count 1
ExecutionsStarted StateMachineArn=counted Count 3
ExecutionsStarted StateMachineArn=counted Version=1 Count 1
ExecutionsStarted StateMachineArn=counted Version=2 Count 2
ExecutionsTimedOut StateMachineArn=counted Alias=live Count 1
ExecutionsTimedOut StateMachineArn=counted Count 2
ExecutionsTimedOut StateMachineArn=counted Version=2 Count 2`
	if strings.Join(got, "\n") != want {
		t.Errorf("counted\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}
