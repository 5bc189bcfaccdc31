package localcloud

import (
	"context"
	"encoding/json"
	"time"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template/serverless"
	"github.com/crossfade-dev/crossfade/localcloud/resource"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/localcloud/s3"
)

// moment is how soon, in the machine's time, what a stack does next counts as
// about to be done.
const moment = 500 * time.Millisecond

// stacks makes the local CloudFormation, whose resource types are clients of this
// cloud.
func (c *Cloud) stacks(of Config, operations *integrations, buckets *s3.Service, deliveries *rollouts.Service) (*cloudformation.Service, error) {
	config := cloudformation.Config{
		Lenient: of.Lenient,
		Clock:   c.clock, Serverless: serverless.Transform, Objects: objectReader{buckets}, Alarms: stackAlarms{operations}, Topics: alarmActions{operations},
		Providers: resource.Providers(resource.Config{AWS: c.AWSConfig(), Rollouts: deliveries}),
	}
	if c.journal != nil { // a nil *Journal in an interface is not a nil interface
		config.Journal = c.journal
	}
	if c.machine == (clock.System{}) { // time passes by itself
		config.Moment = time.Duration(max(of.Speed, 1) * float64(moment))
	}
	s, err := cloudformation.New(config)
	if err != nil {
		return nil, err
	}
	c.onClose(s.Close)
	return s, nil
}

// stackAlarms knows the alarms that turn stacks back.
type stackAlarms struct{ operations *integrations }

func (a stackAlarms) States(ctx context.Context, names []string) (map[string]string, error) {
	params, err := json.Marshal(map[string][]string{"AlarmNames": names, "AlarmTypes": {"MetricAlarm", "CompositeAlarm"}})
	if err != nil {
		return nil, err
	}
	answer, err := a.operations.server.Call(ctx, "cloudwatch", "DescribeAlarms", params)
	if err != nil {
		return nil, err
	}
	type alarm struct{ AlarmName, StateValue string }
	var out struct{ MetricAlarms, CompositeAlarms []alarm }
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, x := range append(out.MetricAlarms, out.CompositeAlarms...) {
		states[x.AlarmName] = x.StateValue
	}
	return states, nil
}
