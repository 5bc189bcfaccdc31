package schedule_test

import (
	"errors"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/events/schedule"
)

// since is a Wednesday.
var since = time.Date(2026, 3, 4, 10, 0, 30, 0, time.UTC)

func TestSchedulesAreDueWhenTheySay(t *testing.T) {
	const layout = "2006-01-02 15:04:05"
	for _, row := range []struct{ text, now, want string }{
		{"rate(1 minute)", "2026-03-04 10:00:30", "2026-03-04 10:01:30"},
		{"rate(5 minutes)", "2026-03-04 10:07:00", "2026-03-04 10:10:30"},
		{"rate(2 hours)", "2026-03-04 12:00:30", "2026-03-04 14:00:30"},
		{"rate(1 day)", "2026-03-04 12:00:30", "2026-03-05 10:00:30"},
		{"cron(0 12 * * ? *)", "2026-03-04 10:00:30", "2026-03-04 12:00:00"},
		{"cron(0 12 * * ? *)", "2026-03-04 12:00:00", "2026-03-05 12:00:00"},
		{"cron(15 10 ? * MON-FRI *)", "2026-03-06 11:00:00", "2026-03-09 10:15:00"},
		{"cron(0/15 * * * ? *)", "2026-03-04 10:46:00", "2026-03-04 11:00:00"},
		{"cron(5,35 8-9 ? * 2,4 *)", "2026-03-04 09:35:00", "2026-03-09 08:05:00"},
		{"cron(0 0 L * ? *)", "2026-02-10 00:00:00", "2026-02-28 00:00:00"},
		{"cron(0 0 1W * ? *)", "2026-08-01 00:00:00", "2026-08-03 00:00:00"},  // the 1st is a Saturday
		{"cron(0 0 31W * ? *)", "2026-05-01 00:00:00", "2026-05-29 00:00:00"}, // the 31st is a Sunday
		{"cron(0 9 ? * 6L *)", "2026-03-04 00:00:00", "2026-03-27 09:00:00"},
		{"cron(0 9 ? * 2#1 *)", "2026-03-04 00:00:00", "2026-04-06 09:00:00"},
		{"cron(30 4 1 jan ? 2028)", "2026-03-04 00:00:00", "2028-01-01 04:30:00"},
		{"cron(0 0 29 2 ? *)", "2026-03-04 00:00:00", "2028-02-29 00:00:00"},
		{"cron(0 0 30 2 ? *)", "2026-03-04 00:00:00", ""},
		{"cron(0 0 1 1 ? 2020)", "2026-03-04 00:00:00", ""},
	} {
		s, err := schedule.Parse(row.text)
		if err != nil {
			t.Errorf("%s: %v", row.text, err)
			continue
		}
		now, err := time.Parse(layout, row.now)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if at, ok := s.Next(since, now); ok {
			got = at.Format(layout)
		}
		if got != row.want {
			t.Errorf("%s after %s: got %q, want %q", row.text, row.now, got, row.want)
		}
	}
}

func TestWhatIsNoScheduleIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "5 minutes", "rate()", "rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(5 weeks)", "rate(-1 minute)", "rate(1 minute",
		"cron()", "cron(* * * * *)", "cron(* * * * * *)", "cron(* * ? * ? *)", "cron(60 * * * ? *)", "cron(* 24 * * ? *)", "cron(* * 0 * ? *)",
		"cron(* * * 13 ? *)", "cron(* * ? * 8 *)", "cron(* * ? * MON#6 *)", "cron(9-5 * * * ? *)", "cron(*/0 * * * ? *)", "cron(x * * * ? *)",
	} {
		if _, err := schedule.Parse(text); !errors.Is(err, schedule.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", text, err)
		}
	}
}
