package localcloud

import (
	"context"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch"
	"github.com/crossfade-dev/crossfade/localcloud/sfn"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// integrations lets tasks of state machines call every operation that the cloud
// has. The server comes in after the services that it serves are made.
type integrations struct{ server *wire.Server }

func (i *integrations) Call(ctx context.Context, service, action string, params jsonvalue.Value) (jsonvalue.Value, error) {
	out, err := i.server.Call(ctx, service, action, params.AppendJSON(nil))
	if err != nil {
		return jsonvalue.Value{}, err
	}
	return jsonvalue.ParseBytes(out)
}

// stateMetrics gives the local Step Functions a place for AWS/States.
type stateMetrics struct{ cloudwatch *cloudwatch.Service }

func (m stateMetrics) Series(account, region, name, unit string, dimensions []sfn.Dimension) sfn.Series {
	s := &stateSeries{cloudwatch: m.cloudwatch, account: account, region: region}
	s.datum.Name, s.datum.Unit = name, unit
	for _, d := range dimensions {
		s.datum.Dimensions = append(s.datum.Dimensions, cloudwatch.Dimension(d))
	}
	return s
}

type stateSeries struct {
	cloudwatch      *cloudwatch.Service
	account, region string
	datum           cloudwatch.Datum // without time and value
}

func (s *stateSeries) Record(value float64, at time.Time) {
	d := s.datum
	d.Time, d.Value = at, value
	data := [1]cloudwatch.Datum{d}
	s.cloudwatch.Put(s.account, s.region, "AWS/States", data[:])
}
