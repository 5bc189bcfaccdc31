package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
)

// maxTail is how much of an invocation's log goes with its answer.
const maxTail = 4096

// A journal writes an environment's log stream: what AWS says about the
// environment and its invocations, and what the function prints.
type journal struct {
	logs    lambda.Logs
	now     func() time.Time
	version *lambda.FunctionVersion
	stream  string

	mu      sync.Mutex        // also keeps entries in order
	begun   []lambda.LogEvent // that the process began, until there is more to say
	tail    []byte            // of the invocation that runs
	running bool
}

// lines writes what the function printed.
func (j *journal) lines(lines [][]byte) {
	events := make([]lambda.LogEvent, len(lines))
	now := j.now()
	for i, line := range lines {
		events[i] = lambda.LogEvent{At: now, Message: strings.ToValidUTF8(string(line), "\uFFFD")}
	}
	j.write(events)
}

// write appends events to the stream, and to the tail of the invocation.
func (j *journal) write(events []lambda.LogEvent) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.append(events)
}

func (j *journal) append(events []lambda.LogEvent) {
	if j.running {
		for _, e := range events {
			m := e.Message
			if len(m) > maxTail {
				m = m[len(m)-maxTail:]
			}
			if len(j.tail)+len(m) > 2*maxTail {
				j.tail = append(j.tail[:0], j.tail[max(0, len(j.tail)-maxTail):]...)
			}
			j.tail = append(j.tail, m...)
		}
	}
	events = append(j.begun, events...)
	j.begun = nil
	j.logs.Write(j.version.Account, j.version.Region, j.version.LogGroup, j.stream, events)
}

func (j *journal) json() bool { return j.version.LogFormat == "JSON" }

func (j *journal) event(at time.Time, message string) []lambda.LogEvent {
	return []lambda.LogEvent{{At: at, Message: message}}
}

// platform returns an entry that AWS writes into a log of JSON.
func (j *journal) platform(at time.Time, kind string, record map[string]any) []lambda.LogEvent {
	text, err := json.Marshal(struct {
		Time   string         `json:"time"`
		Type   string         `json:"type"`
		Record map[string]any `json:"record"`
	}{timestamp(at), "platform." + kind, record})
	if err != nil {
		panic("runtime: a record of the log that is no JSON: " + err.Error())
	}
	return j.event(at, string(text)+"\n")
}

func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// initStart says that a process begins, together with what comes next: an
// environment of provisioned concurrency that only waits writes nothing yet, so
// that a template can make the log group after the function.
func (j *journal) initStart(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	name := j.version.Runtime
	sum := sha256.Sum256([]byte(name))
	// The same name as in the configuration's RuntimeVersionConfig.
	partition, _, _ := strings.Cut(strings.TrimPrefix(j.version.FunctionARN, "arn:"), ":")
	arn := "arn:" + partition + ":lambda:" + j.version.Region + "::runtime:" + hex.EncodeToString(sum[:])
	version := strings.Replace(runtimeVersion(name), ".x", "", 1)
	if j.json() {
		j.begun = append(j.begun, j.platform(at, "initStart", map[string]any{
			"initializationType": "on-demand", "phase": "init", "runtimeVersion": version, "runtimeVersionArn": arn,
			"functionName": j.version.Name, "functionVersion": j.version.Version,
		})...)
		return
	}
	j.begun = append(j.begun, j.event(at, fmt.Sprintf("INIT_START Runtime Version: %s\tRuntime Version ARN: %s\n", version, arn))...)
}

// runtimeVersion turns "python3.12" into "python:3.12.v1".
func runtimeVersion(name string) string {
	if at := strings.IndexAny(name, "0123456789"); at > 0 && !strings.HasPrefix(name, "provided") {
		return name[:at] + ":" + name[at:] + ".v1"
	}
	return strings.Replace(name, ".", ":", 1) + ".v1"
}

// initReport says how a start went that did not end well.
func (j *journal) initReport(at time.Time, took time.Duration, phase, status, kind string) {
	if j.json() {
		record := map[string]any{"initializationType": "on-demand", "phase": phase, "status": status,
			"metrics": map[string]any{"durationMs": milliseconds(took)}}
		if kind != "" {
			record["errorType"] = kind
		}
		j.write(j.platform(at, "initReport", record))
		return
	}
	message := fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: %s\tStatus: %s", milliseconds(took), phase, status)
	if kind != "" {
		message += "\tError Type: " + kind
	}
	j.write(j.event(at, message+"\n"))
}

// start begins an invocation's part of the log.
func (j *journal) start(at time.Time, id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running = true
	j.tail = nil // the last one went with its answer
	if j.json() {
		j.append(j.platform(at, "start", map[string]any{"requestId": id, "version": j.version.Version}))
		return
	}
	j.append(j.event(at, "START RequestId: "+id+" Version: "+j.version.Version+"\n"))
}

// A report is how an invocation ended, as the log says it.
type report struct {
	id             string
	duration       time.Duration
	billed         time.Duration
	cold           bool
	init           time.Duration // of a cold start
	peakMB         int
	status         string // "success", "error", "failure" or "timeout"
	kind           string // of a failure
	failure        string // lines about it
	platformFailed bool   // it was not the handler that said so
}

// end ends an invocation's part of the log, and returns its tail.
func (j *journal) end(at time.Time, r report) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	var events []lambda.LogEvent
	if r.failure != "" {
		events = j.event(at, r.failure)
	}
	if j.json() {
		metrics := map[string]any{
			"durationMs": milliseconds(r.duration), "billedDurationMs": r.billed.Milliseconds(),
			"memorySizeMB": j.version.MemoryMB, "maxMemoryUsedMB": r.peakMB,
		}
		if r.cold {
			metrics["initDurationMs"] = milliseconds(r.init)
		}
		record := map[string]any{"requestId": r.id, "metrics": metrics, "status": r.status}
		if r.kind != "" {
			record["errorType"] = r.kind
		}
		events = append(events, j.platform(at, "report", record)...)
	} else {
		text := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
			r.id, milliseconds(r.duration), r.billed.Milliseconds(), j.version.MemoryMB, r.peakMB)
		if r.cold {
			text += fmt.Sprintf("Init Duration: %.2f ms\t", milliseconds(r.init))
		}
		if r.platformFailed {
			text += "Status: " + r.status
			if r.status != "timeout" {
				text += "\tError Type: " + r.kind
			}
		}
		events = append(events,
			lambda.LogEvent{At: at, Message: "END RequestId: " + r.id + "\n"},
			lambda.LogEvent{At: at, Message: text + "\n"})
	}
	j.append(events)
	j.running = false
	return j.tail[max(0, len(j.tail)-maxTail):]
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*100) / 100
}

// billed rounds up to milliseconds, as AWS bills.
func billed(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}
