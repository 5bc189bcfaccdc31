package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// longestAlarm bounds the names of alarms.
const longestAlarm = 255

func alarm() kind {
	k := kind{name: "AlarmName", longest: longestAlarm, tags: alarmTags}
	put := func(ctx context.Context, c *call, name string, tags []types.Tag) error {
		in := &cloudwatch.PutMetricAlarmInput{}
		if err := c.fill(in, "Tags"); err != nil {
			return err
		}
		in.AlarmName, in.Tags = &name, tags
		_, err := c.alarms.PutMetricAlarm(ctx, in)
		return err
	}
	return alarmOf(k, types.AlarmTypeMetricAlarm, put)
}

// alarmOf completes the kind of an alarm: put makes or replaces one.
func alarmOf(k kind, of types.AlarmType, put func(ctx context.Context, c *call, name string, tags []types.Tag) error) kind {
	find := func(ctx context.Context, c *call, name string) (arn *string, err error) {
		out, err := c.alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}, AlarmTypes: []types.AlarmType{of}})
		switch {
		case err != nil:
			return nil, err
		case len(out.MetricAlarms) > 0:
			return out.MetricAlarms[0].AlarmArn, nil
		case len(out.CompositeAlarms) > 0:
			return out.CompositeAlarms[0].AlarmArn, nil
		default:
			return nil, nil
		}
	}
	k.absent = func(ctx context.Context, c *call) error {
		if arn, err := find(ctx, c, c.named(k)); err != nil || arn == nil {
			return err
		}
		return c.exists(c.named(k))
	}
	k.create = func(ctx context.Context, c *call) error {
		name := c.named(k)
		if err := put(ctx, c, name, tagList(c.tags(), alarmTag)); err != nil {
			return err
		}
		c.id = name
		return nil
	}
	k.update = done(func(ctx context.Context, c *call) error {
		if arn, err := find(ctx, c, c.id); err != nil {
			return err
		} else if arn == nil {
			return c.missing(c.id)
		}
		return put(ctx, c, c.id, nil)
	})
	k.remove = done(func(ctx context.Context, c *call) error {
		_, err := c.alarms.DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{c.id}})
		return err
	})
	k.attributes = func(_ context.Context, c *call) (attributes, error) {
		return attributes{"Arn": str(new(c.alarmARN()))}, nil
	}
	return k
}

func (c *call) alarmARN() string { return c.arn("cloudwatch", "alarm:"+c.id) }

func alarmTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

var alarmTags = tagging{
	list: func(ctx context.Context, c *call) (map[string]string, error) {
		out, err := c.alarms.ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: new(c.alarmARN())})
		if err != nil {
			return nil, err
		}
		return tagMap(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
	},
	tag: func(ctx context.Context, c *call, tags map[string]string) error {
		_, err := c.alarms.TagResource(ctx, &cloudwatch.TagResourceInput{ResourceARN: new(c.alarmARN()), Tags: tagList(tags, alarmTag)})
		return err
	},
	untag: func(ctx context.Context, c *call, keys []string) error {
		_, err := c.alarms.UntagResource(ctx, &cloudwatch.UntagResourceInput{ResourceARN: new(c.alarmARN()), TagKeys: keys})
		return err
	},
}
