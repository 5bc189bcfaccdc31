package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Formats of timestamps; AWS keeps milliseconds.
const (
	formatISO8601 = "iso8601"
	formatUnix    = "unixTimestamp"
	formatRFC822  = "rfc822"
)

// maxEpochSeconds is where the year 10000 begins: what lies beyond has no text.
const maxEpochSeconds = 253402300800

// epochTime returns the time that is a number of seconds after 1970, rounded to
// milliseconds; ok is false if no calendar has it.
func epochTime(seconds float64) (t time.Time, ok bool) {
	if math.IsNaN(seconds) || math.Abs(seconds) >= maxEpochSeconds {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), true
}

// appendEpoch appends t as a number of seconds with at most three decimals.
func appendEpoch(b []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if rest := ms % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b
}

// appendISO appends t as 2026-01-02T03:04:05.678Z.
func appendISO(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

// timeText returns t in a format of the model.
func timeText(t time.Time, format string) string {
	switch format {
	case formatUnix:
		return string(appendEpoch(nil, t))
	case formatRFC822:
		return t.UTC().Format(http.TimeFormat)
	default:
		return string(appendISO(nil, t))
	}
}

// parseTime reads a timestamp in any of the formats: clients send what their
// language has, and AWS understands it.
func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05-0700", "2006-01-02T15:04Z07:00", "2006-01-02", "20060102T150405Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Round(time.Millisecond), true
		}
	}
	if t, err := http.ParseTime(s); err == nil {
		return t.UTC(), true
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return epochTime(f)
	}
	return time.Time{}, false
}
