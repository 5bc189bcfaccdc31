package cloudwatch

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/cloudwatch/metrics"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudwatchapi"
)

const (
	metricsPerPage = 500
	listedFor      = 14 * 24 * time.Hour
	recentlyActive = 3 * time.Hour
)

// listMetrics lists what was measured in the last two weeks.
func (s *Service) listMetrics(ctx context.Context, in *cloudwatchapi.ListMetricsInput) (*cloudwatchapi.ListMetricsOutput, error) {
	var after metrics.Metric
	if in.NextToken != nil {
		if err := decodeToken(*in.NextToken, &after); err != nil {
			return nil, err
		}
	}
	since := s.clock.Now().Add(-listedFor)
	if in.RecentlyActive != nil {
		since = s.clock.Now().Add(-recentlyActive)
	}
	found := s.store.List(caller(ctx).scope(), func(m metrics.Metric, last time.Time) bool {
		return (in.Namespace == nil || m.Namespace == *in.Namespace) &&
			(in.MetricName == nil || m.Name == *in.MetricName) &&
			!last.Before(since) && passes(m.Dimensions, in.Dimensions)
	})
	if in.NextToken != nil {
		i, ok := slices.BinarySearchFunc(found, after, metrics.Metric.Compare)
		if ok {
			i++
		}
		found = found[i:]
	}
	out := &cloudwatchapi.ListMetricsOutput{Metrics: []cloudwatchapi.Metric{}}
	if len(found) > metricsPerPage {
		found = found[:metricsPerPage]
		out.NextToken = encodeToken(found[len(found)-1])
	}
	for _, m := range found {
		out.Metrics = append(out.Metrics, cloudwatchapi.Metric{Namespace: &m.Namespace, MetricName: &m.Name, Dimensions: apiDimensions(m.Dimensions)})
	}
	return out, nil
}

// passes says whether each filter names a dimension, and its value if it has one.
func passes(dimensions []metrics.Dimension, filters []cloudwatchapi.DimensionFilter) bool {
	for _, f := range filters {
		if !slices.ContainsFunc(dimensions, func(d metrics.Dimension) bool {
			return d.Name == f.Name && (f.Value == nil || d.Value == *f.Value)
		}) {
			return false
		}
	}
	return true
}

// encodeToken makes a NextToken of where the next page begins.
func encodeToken(v any) *string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // tokens are made of texts and numbers
	}
	token := base64.RawURLEncoding.EncodeToString(text)
	return &token
}

// decodeToken reads a NextToken.
func decodeToken(token string, v any) error {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return cloudwatchapi.NewInvalidNextToken("The parameter NextToken is invalid.")
	}
	return nil
}
