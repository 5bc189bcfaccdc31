package sfn

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/journal"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// discard is where a benchmark's metrics go.
type discard struct{}

func (discard) Series(string, string, string, string, []Dimension) Series { return discard{} }
func (discard) Record(float64, time.Time)                                 {}

// BenchmarkStartExecution starts executions of a one-state machine through a
// weighted alias: without HTTP, in memory and with a journal on disk.
func BenchmarkStartExecution(b *testing.B) {
	for _, durable := range []bool{false, true} {
		for _, clients := range []int{1, 32} {
			b.Run(fmt.Sprintf("durable=%v/clients=%d", durable, clients), func(b *testing.B) {
				c := newCloud(b, func(config *Config) {
					config.Clock = clock.System{}
					config.Metrics = discard{}
					config.Rand = rand.NewPCG(1, 1)
					config.Keep = 10_000
					if durable {
						j, err := journal.Open(b.TempDir(), journal.Options{})
						if err != nil {
							b.Fatal(err)
						}
						b.Cleanup(func() { _ = j.Close() }) // only after the service's own clean-up
						config.Journal = j
					}
				})
				arn := c.create("bench", passDefinition("old"), published)
				live := c.makeAlias("live", to(arn+":1", 90), to(c.update(arn, passDefinition("new")), 10))
				in := &sfnapi.StartExecutionInput{StateMachineArn: live, Input: ptr(`{"order":{"id":17,"items":["a","b"]}}`)}
				slowest := make([][]time.Duration, clients)
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for client := range clients {
					wg.Go(func() {
						for n := client; n < b.N; n += clients {
							began := time.Now()
							if _, err := c.startExecution(c.ctx, in); err != nil {
								b.Error(err)
								return
							}
							slowest[client] = append(slowest[client], time.Since(began))
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				all := slices.Concat(slowest...)
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "starts/s")
			})
		}
	}
}

// BenchmarkMemory measures what an execution takes that waits, and one that has
// ended.
func BenchmarkMemory(b *testing.B) {
	for what, definition := range map[string]string{"waiting": waitAnHour, "ended": passDefinition("")} {
		b.Run(what, func(b *testing.B) {
			c := newCloud(b)
			arn := c.create("measured", definition)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b.ResetTimer()
			for range b.N {
				c.begin(arn)
			}
			b.StopTimer()
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "bytes/execution")
			runtime.KeepAlive(c)
		})
	}
}
