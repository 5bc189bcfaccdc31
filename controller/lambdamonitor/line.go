package lambdamonitor

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/controller/internal/course"
)

// stream is the log of one environment, which runs one invocation at a time.
type stream struct {
	version string
	request string // the one that runs
	failed  bool   // a line of it told of an error
}

// Lines of the text format.
//
// Source: Lambda Developer Guide, "Working with Lambda function logs": START, END
// and REPORT lines, and the version in brackets in a stream's name.
var (
	versionOf  = regexp.MustCompile(`\[([0-9]+|\$LATEST)\]`)
	startLine  = regexp.MustCompile(`^START RequestId: (\S+)(?: Version: (\S+))?`)
	reportLine = regexp.MustCompile(`^REPORT RequestId: (\S+)\s+Duration: ([0-9.]+) ms`)
	statusPart = regexp.MustCompile(`\bStatus: (\w+)`)
)

// platformLine is a line of the JSON format.
//
// Source: Lambda Developer Guide, "Lambda Telemetry API Event schema":
// platform.start and platform.report.
type platformLine struct {
	Time   time.Time `json:"time"`
	Type   string    `json:"type"`
	Record struct {
		RequestID string `json:"requestId"`
		Version   string `json:"version"`
		Status    string `json:"status"`
		Metrics   struct {
			DurationMs float64 `json:"durationMs"`
		} `json:"metrics"`
	} `json:"record"`
}

// take takes in one line of a stream.
func (g *group) take(name, line string, at time.Time) {
	s := g.streams[name]
	if s == nil {
		s = &stream{}
		if m := versionOf.FindStringSubmatch(name); m != nil {
			s.version = m[1]
		}
		g.streams[name] = s
	}
	if strings.HasPrefix(line, "{") {
		var p platformLine
		if json.Unmarshal([]byte(line), &p) == nil {
			g.platform(s, p, at)
		}
		return
	}
	if m := startLine.FindStringSubmatch(line); m != nil {
		g.start(s, m[1], m[2], at)
		return
	}
	if m := reportLine.FindStringSubmatch(line); m != nil {
		ms, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return
		}
		status := statusPart.FindStringSubmatch(line)
		bad := s.failed && s.request == m[1] || status != nil && status[1] != "success"
		g.report(s, m[1], time.Duration(ms*float64(time.Millisecond)), bad, at)
		return
	}
	// The text format does not say how a handler ended. What the runtimes of
	// Python, Ruby and Node.js write about an exception that was not caught does.
	if s.request != "" && (strings.HasPrefix(line, "[ERROR] ") || strings.Contains(line, "\tInvoke Error \t") || strings.Contains(line, "\tERROR\tInvoke Error")) {
		s.failed = true
	}
}

func (g *group) platform(s *stream, p platformLine, at time.Time) {
	if !p.Time.IsZero() {
		at = p.Time
	}
	switch p.Type {
	case "platform.start":
		g.start(s, p.Record.RequestID, p.Record.Version, at)
	case "platform.report":
		took := time.Duration(p.Record.Metrics.DurationMs * float64(time.Millisecond))
		g.report(s, p.Record.RequestID, took, p.Record.Status != "success", at)
	}
}

// start notes that an invocation runs.
func (g *group) start(s *stream, request, version string, at time.Time) {
	if version != "" {
		s.version = version
	}
	s.request, s.failed = request, false
	g.course(s.version).Note(request, course.Request{Began: at, Running: true})
}

// report notes how an invocation ended.
func (g *group) report(s *stream, request string, took time.Duration, bad bool, at time.Time) {
	c := g.course(s.version)
	began := at.Add(-took)
	if known, ok := c.Get(request); ok {
		began = known.Began
	}
	c.Note(request, course.Request{Began: began, Took: took, Bad: bad})
	if s.request == request {
		s.request, s.failed = "", false
	}
}

func (g *group) course(version string) *course.Course {
	c := g.versions[version]
	if c == nil {
		c = new(course.Course)
		g.versions[version] = c
	}
	return c
}
