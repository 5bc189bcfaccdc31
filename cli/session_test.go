package cli

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/crossfade-dev/crossfade/controller/lambdamonitor"
	"github.com/crossfade-dev/crossfade/localcloud"
)

func TestMetricsOfFunctionsAreAwaitedOnlyWhereTheyAreDelivered(t *testing.T) {
	cloud, err := localcloud.Open(localcloud.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]struct {
		cfg  aws.Config
		want time.Duration
	}{
		"AWS":                     {aws.Config{}, lambdamonitor.Delay},
		"an address far away":     {aws.Config{BaseEndpoint: aws.String("https://lambda.example.org")}, lambdamonitor.Delay},
		"crossfade local":         {aws.Config{BaseEndpoint: aws.String("http://127.0.0.1:4566")}, 0},
		"crossfade local by name": {aws.Config{BaseEndpoint: aws.String("http://localhost:4566")}, 0},
		"crossfade local on IPv6": {aws.Config{BaseEndpoint: aws.String("http://[::1]:4566")}, 0},
		"a cloud in this process": {cloud.AWSConfig(), 0},
	} {
		if got := metricDelay(c.cfg); got != c.want {
			t.Errorf("%s: metrics are awaited for %v, want %v", name, got, c.want)
		}
	}
}
