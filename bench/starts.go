package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
)

var now = clock.System{}.Now

// starts measures StartExecution through a weighted alias against a handler
// that answers the same bytes, over the same loopback and with the same client.
func starts(o options) ([]measurement, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cloud, err := localcloud.Open(localcloud.Config{Seed: 1})
	if err != nil {
		return nil, err
	}
	defer func() { _ = cloud.Close() }() // nothing of it is kept
	go func() { _ = cloud.Run(ctx) }()   // ends with ctx; what it says then is that
	alias, err := splitAlias(ctx, sfn.NewFromConfig(cloud.AWSConfig()))
	if err != nil {
		return nil, err
	}
	local, err := serve(ctx, cloud.Handler())
	if err != nil {
		return nil, err
	}
	defer func() { _ = local.Close() }() // it has no requests any more
	answer, header, err := oneAnswer(local.url, alias)
	if err != nil {
		return nil, err
	}
	bare, err := serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		for _, name := range []string{"Content-Type", "X-Amzn-Requestid"} {
			w.Header().Set(name, header.Get(name))
		}
		_, _ = w.Write(answer) // a client that is gone does not want it
	}))
	if err != nil {
		return nil, err
	}
	defer func() { _ = bare.Close() }()

	var out []measurement
	for _, clients := range []int{1, 32} {
		var rates, ceilings []float64
		var latencies, fastest []time.Duration
		for range o.rounds {
			rate, took := load(bare.url, alias, clients, o.round)
			ceilings = append(ceilings, rate)
			fastest = append(fastest, took...)
			rate, took = load(local.url, alias, clients, o.round)
			rates = append(rates, rate)
			latencies = append(latencies, took...)
		}
		rate, ceiling := median(rates), median(ceilings)
		out = append(out, measurement{
			what:    fmt.Sprintf("StartExecution through a 10/90 alias, %d clients", clients),
			value:   fmt.Sprintf("%.0f/s", rate),
			ceiling: fmt.Sprintf("bare handler %.0f/s", ceiling),
			ratio:   fmt.Sprintf("%.2f", rate/ceiling),
			aim:     "≥ 0.50",
		})
		slow, ceilingSlow := p99(latencies), p99(fastest)
		out = append(out, measurement{
			what:    fmt.Sprintf("its p99 latency, %d clients", clients),
			value:   slow.Round(10 * time.Microsecond).String(),
			ceiling: "bare handler " + ceilingSlow.Round(10*time.Microsecond).String(),
			ratio:   fmt.Sprintf("%.2f", float64(slow)/float64(ceilingSlow)),
			aim:     "< 5ms",
		})
	}
	return out, nil
}

// splitAlias creates a machine of one state, two versions and an alias that
// gives the second one 10 %.
func splitAlias(ctx context.Context, client *sfn.Client) (string, error) {
	machine, err := client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String("bench"), RoleArn: aws.String("arn:aws:iam::000000000000:role/bench"), Publish: true,
		Definition: aws.String(`{"StartAt":"Done","States":{"Done":{"Type":"Pass","End":true}}}`),
	})
	if err != nil {
		return "", err
	}
	second, err := client.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
		StateMachineArn: machine.StateMachineArn, Publish: true,
		Definition: aws.String(`{"StartAt":"Done","States":{"Done":{"Type":"Pass","Result":2,"End":true}}}`),
	})
	if err != nil {
		return "", err
	}
	alias, err := client.CreateStateMachineAlias(ctx, &sfn.CreateStateMachineAliasInput{
		Name: aws.String("live"),
		RoutingConfiguration: []types.RoutingConfigurationListItem{
			{StateMachineVersionArn: machine.StateMachineVersionArn, Weight: 90},
			{StateMachineVersionArn: second.StateMachineVersionArn, Weight: 10},
		},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(alias.StateMachineAliasArn), nil
}

// A listening is a handler behind a real socket.
type listening struct {
	*http.Server
	url string
}

func serve(ctx context.Context, h http.Handler) (*listening, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &listening{Server: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}, url: "http://" + l.Addr().String()}
	go func() { _ = s.Serve(l) }() // ends with Close
	return s, nil
}

func startRequest(ctx context.Context, url, alias string) (*http.Request, error) {
	body := fmt.Sprintf(`{"stateMachineArn":%q,"input":"{\"order\":42,\"lines\":[{\"sku\":\"A-1\",\"n\":2}]}"}`, alias)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSStepFunctions.StartExecution")
	r.Header.Set("X-Amz-Date", "20260102T030405Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260102/us-east-1/states/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=0")
	return r, nil
}

func oneAnswer(url, alias string) ([]byte, http.Header, error) {
	r, err := startRequest(context.Background(), url, alias)
	if err != nil {
		return nil, nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("StartExecution: %s: %s", resp.Status, body)
	}
	return body, resp.Header, err
}

// load sends starts from so many clients for so long, each on a connection of
// its own, and returns answers a second and how long each took.
func load(url, alias string, clients int, length time.Duration) (rate float64, took []time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := now()
	for range clients {
		wg.Go(func() {
			transport := &http.Transport{MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			var mine []time.Duration
			for ctx.Err() == nil {
				sent := now()
				r, err := startRequest(ctx, url, alias)
				if err != nil {
					break
				}
				resp, err := client.Do(r)
				if err != nil {
					break
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					break
				}
				mine = append(mine, now().Sub(sent))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	wg.Wait()
	return float64(len(took)) / now().Sub(begin).Seconds(), took
}

func p99(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
