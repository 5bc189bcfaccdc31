package runtime

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// The functions that are measured: each returns its event.
var benchmarked = []struct {
	name string
	make func(testing.TB) *lambda.FunctionVersion
}{
	{"compiled", func(testing.TB) *lambda.FunctionVersion { return program() }},
	{"python", func(t testing.TB) *lambda.FunctionVersion {
		return python(t, "def handler(event, context):\n    return event\n")
	}},
	{"node", func(t testing.TB) *lambda.FunctionVersion {
		return node(t, "exports.handler = async (event) => event\n")
	}},
}

func BenchmarkInvoke(b *testing.B) {
	for _, f := range benchmarked {
		for _, clients := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/clients=%d", f.name, clients), func(b *testing.B) {
				bed := newBed(b, Options{Sandbox: self(b), Logs: discard{}})
				v := f.make(b)
				bed.call(v, `{"order":17}`)
				var failed atomic.Int64
				b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
				one := func() {
					r, err := bed.Invoke(b.Context(), v, lambda.Request{ID: requestID, Payload: []byte(`{"order":17}`), InvokedARN: v.FunctionARN})
					if err != nil || r.FunctionError != "" {
						failed.Add(1)
					}
				}
				b.ResetTimer()
				if clients == 1 {
					for range b.N {
						one()
					}
				} else {
					b.RunParallel(func(p *testing.PB) {
						for p.Next() {
							one()
						}
					})
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
				if n := failed.Load(); n > 0 {
					b.Fatalf("%d invocations failed", n)
				}
			})
		}
	}
}

func BenchmarkColdStart(b *testing.B) {
	for _, f := range benchmarked {
		for _, sandboxed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/sandbox=%t", f.name, sandboxed), func(b *testing.B) {
				options := Options{Logs: discard{}}
				if sandboxed {
					options.Sandbox = self(b)
				}
				bed := newBed(b, options)
				v := f.make(b)
				bed.call(v, `{}`)
				// Held, so that what is measured is not unpacking.
				code, err := bed.code.get(v.Code)
				if err != nil {
					b.Fatal(err)
				}
				defer code.release()
				b.ResetTimer()
				for range b.N {
					b.StopTimer()
					bed.Retire(v)
					b.StartTimer()
					bed.call(v, `{}`)
				}
			})
		}
	}
}

// BenchmarkWarmMemory measures the memory of idle environments: what only their
// processes use (Pss), the sandbox's helper included.
func BenchmarkWarmMemory(b *testing.B) {
	for _, f := range benchmarked {
		for _, sandboxed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/sandbox=%t", f.name, sandboxed), func(b *testing.B) {
				options := Options{Logs: discard{}}
				if sandboxed {
					options.Sandbox = self(b)
				}
				bed := newBed(b, options)
				v := f.make(b)
				for range b.N {
					bed.call(v, `{}`)
				}
				kb := 0
				for _, pid := range descendants(os.Getpid()) {
					kb += pss(pid)
				}
				b.ReportMetric(float64(kb)/1024, "MB/environment")
			})
		}
	}
}

// descendants returns the processes below one.
func descendants(pid int) []int {
	var out []int
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				out = append(append(out, n), descendants(n)...)
			}
		}
	}
	return out
}

func pss(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return n
		}
	}
	return 0
}
