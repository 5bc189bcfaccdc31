package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func compositeAlarm() kind {
	k := kind{name: "AlarmName", longest: longestAlarm, tags: alarmTags}
	put := func(ctx context.Context, c *call, name string, tags []types.Tag) error {
		in := &cloudwatch.PutCompositeAlarmInput{}
		if err := c.fill(in, "Tags"); err != nil {
			return err
		}
		in.AlarmName, in.Tags = &name, tags
		_, err := c.alarms.PutCompositeAlarm(ctx, in)
		return err
	}
	return alarmOf(k, types.AlarmTypeCompositeAlarm, put)
}
