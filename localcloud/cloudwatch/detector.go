package cloudwatch

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

// A detectorRecord is an anomaly detector in the journal.
type detectorRecord struct {
	Owner    owner
	Detector *cloudwatchapi.AnomalyDetector
}

// putAnomalyDetector keeps an anomaly detector. It is never trained here.
func (s *Service) putAnomalyDetector(ctx context.Context, in *cloudwatchapi.PutAnomalyDetectorInput) (*cloudwatchapi.PutAnomalyDetectorOutput, error) {
	single := in.SingleMetricAnomalyDetector
	if single == nil && in.MetricMathAnomalyDetector == nil {
		single = &cloudwatchapi.SingleMetricAnomalyDetector{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions, Stat: in.Stat}
	}
	if single != nil && (wire.Value(single.Namespace) == "" || wire.Value(single.MetricName) == "" || wire.Value(single.Stat) == "") {
		return nil, cloudwatchapi.NewMissingRequiredParameterException("The parameters Namespace, MetricName and Stat are required.")
	}
	return nil, s.change(ctx, func(r *region, _ time.Time) error {
		d := &cloudwatchapi.AnomalyDetector{
			Configuration:             &cloudwatchapi.AnomalyDetectorConfiguration{ExcludedTimeRanges: []cloudwatchapi.Range{}},
			StateValue:                wire.Optional(cloudwatchapi.AnomalyDetectorStateValuePendingTraining),
			MetricCharacteristics:     in.MetricCharacteristics,
			MetricMathAnomalyDetector: in.MetricMathAnomalyDetector,
		}
		if in.Configuration != nil {
			d.Configuration.ExcludedTimeRanges = wire.Shown(in.Configuration.ExcludedTimeRanges)
			d.Configuration.MetricTimezone = in.Configuration.MetricTimezone
		}
		if single != nil {
			own := *single
			own.AccountId = cmp.Or(own.AccountId, &r.owner.Account)
			own.Dimensions = wire.Shown(own.Dimensions)
			d.SingleMetricAnomalyDetector = &own
			d.Namespace, d.MetricName, d.Dimensions, d.Stat = own.Namespace, own.MetricName, own.Dimensions, own.Stat
		}
		if i := r.detector(d); i >= 0 {
			r.detectors[i] = d
		} else {
			r.detectors = append(r.detectors, d)
		}
		s.writes.note(kindDetector, r.owner.key(detectorKey(d)), detectorRecord{r.owner, d})
		return nil
	})
}

func (s *Service) loadDetector(_ string, d detectorRecord) error {
	r := s.region(d.Owner)
	r.detectors = append(r.detectors, d.Detector)
	return nil
}

// detectorKey tells anomaly detectors apart: by metric and statistic, or by their
// queries.
func detectorKey(d *cloudwatchapi.AnomalyDetector) string {
	if single := d.SingleMetricAnomalyDetector; single != nil {
		dimensions := slices.SortedFunc(slices.Values(single.Dimensions), func(a, b cloudwatchapi.Dimension) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
		})
		return mustJSON([]any{wire.Value(single.Namespace), wire.Value(single.MetricName), wire.Value(single.Stat), dimensions})
	}
	return mustJSON(d.MetricMathAnomalyDetector)
}

// detector returns the place of the detector that means the same as d, or -1.
func (r *region) detector(d *cloudwatchapi.AnomalyDetector) int {
	key := detectorKey(d)
	return slices.IndexFunc(r.detectors, func(o *cloudwatchapi.AnomalyDetector) bool { return detectorKey(o) == key })
}

const detectorsPerPage = 100

func (s *Service) describeAnomalyDetectors(ctx context.Context, in *cloudwatchapi.DescribeAnomalyDetectorsInput) (*cloudwatchapi.DescribeAnomalyDetectorsOutput, error) {
	var skip int
	if in.NextToken != nil {
		if err := decodeToken(*in.NextToken, &skip); err != nil {
			return nil, err
		}
	}
	most := detectorsPerPage
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	types := in.AnomalyDetectorTypes
	if len(types) == 0 {
		types = []string{cloudwatchapi.AnomalyDetectorTypeSingleMetric}
	}
	out := &cloudwatchapi.DescribeAnomalyDetectorsOutput{AnomalyDetectors: []cloudwatchapi.AnomalyDetector{}}
	err := s.look(ctx, func(r *region, _ time.Time) error {
		n := 0
		for _, d := range r.detectors {
			kind := cloudwatchapi.AnomalyDetectorTypeMetricMath
			if d.SingleMetricAnomalyDetector != nil {
				kind = cloudwatchapi.AnomalyDetectorTypeSingleMetric
			}
			if !slices.Contains(types, kind) ||
				in.Namespace != nil && wire.Value(d.Namespace) != *in.Namespace ||
				in.MetricName != nil && wire.Value(d.MetricName) != *in.MetricName ||
				len(in.Dimensions) > 0 && !sameSet(d.Dimensions, in.Dimensions) {
				continue
			}
			if n++; n <= skip {
				continue
			}
			if len(out.AnomalyDetectors) == most {
				out.NextToken = encodeToken(n - 1)
				return nil
			}
			out.AnomalyDetectors = append(out.AnomalyDetectors, *d)
		}
		return nil
	})
	return out, err
}

func (s *Service) deleteAnomalyDetector(ctx context.Context, in *cloudwatchapi.DeleteAnomalyDetectorInput) (*cloudwatchapi.DeleteAnomalyDetectorOutput, error) {
	d := &cloudwatchapi.AnomalyDetector{SingleMetricAnomalyDetector: in.SingleMetricAnomalyDetector, MetricMathAnomalyDetector: in.MetricMathAnomalyDetector}
	if d.SingleMetricAnomalyDetector == nil && d.MetricMathAnomalyDetector == nil {
		d.SingleMetricAnomalyDetector = &cloudwatchapi.SingleMetricAnomalyDetector{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions, Stat: in.Stat}
	}
	return nil, s.change(ctx, func(r *region, _ time.Time) error {
		i := r.detector(d)
		if i < 0 {
			return cloudwatchapi.NewResourceNotFoundException("The anomaly detector does not exist.")
		}
		r.detectors = slices.Delete(r.detectors, i, i+1)
		s.writes.note(kindDetector, r.owner.key(detectorKey(d)), nil)
		return nil
	})
}
