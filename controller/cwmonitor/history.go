package cwmonitor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
)

// mostPages is how many pages of an alarm's history are read; an alarm that
// changed more often than that since a rollout's start fired on the newest one.
const mostPages = 10

// Fired returns when an alarm last went to ALARM after since; zero when it did
// not. complete is false while the history shows no change of state after since.
//
// Source: CloudWatch API, DescribeAlarmHistory; what HistoryData has is in the
// User Guide, "Alarm events and EventBridge".
func (m *Monitor) Fired(ctx context.Context, name string, since time.Time) (at time.Time, complete bool, err error) {
	in := &cloudwatch.DescribeAlarmHistoryInput{
		AlarmName:       aws.String(name),
		AlarmTypes:      []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
		HistoryItemType: types.HistoryItemTypeStateUpdate,
		StartDate:       aws.Time(since),
		ScanBy:          types.ScanByTimestampDescending,
		MaxRecords:      aws.Int32(perCall),
	}
	for range mostPages {
		out, err := m.api.DescribeAlarmHistory(ctx, in)
		if err != nil {
			return time.Time{}, false, awserr.Wrap("DescribeAlarmHistory", err)
		}
		for _, item := range out.AlarmHistoryItems {
			changed := aws.ToTime(item.Timestamp)
			if !changed.After(since) {
				continue
			}
			complete = true
			if newState(aws.ToString(item.HistoryData)) == string(types.StateValueAlarm) {
				return changed, true, nil
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			break
		}
	}
	return time.Time{}, complete, nil
}

// newState is the state that an item of the history went to.
func newState(data string) string {
	var item struct {
		New struct {
			Value string `json:"stateValue"`
		} `json:"newState"`
	}
	if json.Unmarshal([]byte(data), &item) != nil {
		return ""
	}
	return item.New.Value
}
