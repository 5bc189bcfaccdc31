package cloudwatch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/alarm"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// The bounds of the history of one account in one region.
const (
	historyKept    = 30 * 24 * time.Hour
	maxHistory     = 10_000
	historyPerPage = 100
)

// A history is what happened to alarms, oldest first.
type history struct {
	items []historyItem
	last  int64 // the number of the newest item
}

// A historyItem is one thing that happened to an alarm.
type historyItem struct {
	Owner   owner
	Number  int64 // rises by one per region
	Alarm   string
	Kind    string // one of the AlarmType constants
	Time    time.Time
	Type    string // one of the HistoryItemType constants
	Summary string
	Data    string
}

func (i *historyItem) key() string { return i.Owner.key(fmt.Sprintf("%016d", i.Number)) }

// record adds an item to the history and lets go of old ones. The caller holds
// s.mu.
func (s *Service) record(r *region, item historyItem) {
	h := &r.history
	h.last++
	item.Owner, item.Number = r.owner, h.last
	h.items = append(h.items, item)
	s.writes.note(kindHistory, item.key(), &item)
	for len(h.items) > maxHistory || h.items[0].Time.Before(item.Time.Add(-historyKept)) {
		s.writes.note(kindHistory, h.items[0].key(), nil)
		h.items = h.items[1:]
	}
}

func (s *Service) loadHistory(_ string, item historyItem) error {
	h := &s.region(item.Owner).history
	h.items = append(h.items, item)
	h.last = max(h.last, item.Number)
	return nil
}

// sort puts items that were loaded in any order into theirs.
func (h *history) sort() {
	slices.SortFunc(h.items, func(a, b historyItem) int { return cmp.Compare(a.Number, b.Number) })
}

// recordConfiguration notes that an alarm was created, updated or deleted.
func (s *Service) recordConfiguration(r *region, e *entry, change string, now time.Time) {
	kinds := map[string]string{"created": "Create", "updated": "Update", "deleted": "Delete"}
	s.record(r, historyItem{
		Alarm: e.name(), Kind: e.kind(), Time: now,
		Type:    cloudwatchapi.HistoryItemTypeConfigurationUpdate,
		Summary: fmt.Sprintf("Alarm %q %s", e.name(), change),
		Data: mustJSON(struct {
			Version string `json:"version"`
			Type    string `json:"type"`
		}{"1.0", kinds[change]}),
	})
}

// recordStateChange notes that an alarm's state is another one than before.
func (s *Service) recordStateChange(r *region, e *entry, before alarm.State, now time.Time) {
	type state struct {
		Value  alarm.Value     `json:"stateValue"`
		Reason string          `json:"stateReason"`
		Data   json.RawMessage `json:"stateReasonData,omitempty"`
	}
	of := func(s alarm.State) state { return state{s.Value, s.Reason, rawJSON(s.Data)} }
	s.record(r, historyItem{
		Alarm: e.name(), Kind: e.kind(), Time: now,
		Type:    cloudwatchapi.HistoryItemTypeStateUpdate,
		Summary: fmt.Sprintf("Alarm updated from %s to %s", before.Value, e.State.Value),
		Data: mustJSON(struct {
			Version string `json:"version"`
			Old     state  `json:"oldState"`
			New     state  `json:"newState"`
		}{"1.0", of(before), of(e.State)}),
	})
}

// rawJSON returns a text as JSON: itself when it is JSON, else as a string.
func rawJSON(text string) json.RawMessage {
	switch {
	case text == "":
		return nil
	case json.Valid([]byte(text)):
		return json.RawMessage(text)
	default:
		return json.RawMessage(mustJSON(text))
	}
}

// describeAlarmHistory lists what happened, newest first unless told otherwise.
// Without AlarmTypes it is what happened to metric alarms.
func (s *Service) describeAlarmHistory(ctx context.Context, in *cloudwatchapi.DescribeAlarmHistoryInput) (*cloudwatchapi.DescribeAlarmHistoryOutput, error) {
	types := in.AlarmTypes
	if len(types) == 0 {
		types = []string{cloudwatchapi.AlarmTypeMetricAlarm}
	}
	ascending := wire.Value(in.ScanBy) == cloudwatchapi.ScanByTimestampAscending
	var after int64
	if in.NextToken != nil {
		if err := decodeToken(*in.NextToken, &after); err != nil {
			return nil, err
		}
	}
	most := historyPerPage
	if in.MaxRecords != nil {
		most = int(*in.MaxRecords)
	}
	out := &cloudwatchapi.DescribeAlarmHistoryOutput{AlarmHistoryItems: []cloudwatchapi.AlarmHistoryItem{}}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		items := slices.Clone(r.history.items)
		if !ascending {
			slices.Reverse(items)
		}
		var last int64
		for _, i := range items {
			seen := after != 0 && (ascending && i.Number <= after || !ascending && i.Number >= after)
			if seen || !slices.Contains(types, i.Kind) ||
				in.AlarmName != nil && i.Alarm != *in.AlarmName ||
				in.HistoryItemType != nil && i.Type != *in.HistoryItemType ||
				in.StartDate != nil && i.Time.Before(*in.StartDate) ||
				in.EndDate != nil && i.Time.After(*in.EndDate) {
				continue
			}
			if len(out.AlarmHistoryItems) == most {
				out.NextToken = encodeToken(last)
				return nil
			}
			last = i.Number
			out.AlarmHistoryItems = append(out.AlarmHistoryItems, cloudwatchapi.AlarmHistoryItem{
				AlarmName: &i.Alarm, AlarmType: &i.Kind, Timestamp: &i.Time, HistoryItemType: &i.Type,
				HistorySummary: &i.Summary, HistoryData: &i.Data,
			})
		}
		return nil
	})
	return out, err
}
