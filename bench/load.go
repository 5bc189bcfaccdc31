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

	"github.com/crossfade-dev/crossfade/internal/clock"
)

var now = clock.System{}.Now

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

// A request makes one request to whoever serves a URL.
type request func(ctx context.Context, url string) (*http.Request, error)

// jsonRequest returns the request of an operation of Step Functions.
func jsonRequest(operation, body string) request {
	return func(ctx context.Context, url string) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "AWSStepFunctions."+operation)
		r.Header.Set("X-Amz-Date", "20260102T030405Z")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260102/us-east-1/states/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=0")
		return r, nil
	}
}

// oneAnswer sends a request and returns its answer.
func oneAnswer(url string, ask request) ([]byte, http.Header, error) {
	r, err := ask(context.Background(), url)
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
		err = fmt.Errorf("%s: %s: %s", r.Header.Get("X-Amz-Target"), resp.Status, body)
	}
	return body, resp.Header, err
}

// serveBare serves a handler that reads a request and answers the same bytes
// each time: what any server costs.
func serveBare(ctx context.Context, answer []byte, header http.Header) (*listening, error) {
	return serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		for _, name := range []string{"Content-Type", "X-Amzn-Requestid"} {
			w.Header().Set(name, header.Get(name))
		}
		_, _ = w.Write(answer) // a client that is gone does not want it
	}))
}

// A comparison is what rounds of one request came to, against a bare handler.
type comparison struct {
	rate, ceiling           float64       // answers a second, medians
	slowest, slowestCeiling time.Duration // p99
}

// compare lets rounds of load on a URL and on a bare handler that answers the
// same bytes take turns.
func compare(ctx context.Context, o options, url string, ask request, clients int) (comparison, error) {
	answer, header, err := oneAnswer(url, ask)
	if err != nil {
		return comparison{}, err
	}
	bare, err := serveBare(ctx, answer, header)
	if err != nil {
		return comparison{}, err
	}
	defer func() { _ = bare.Close() }()
	var rates, ceilings []float64
	var latencies, fastest []time.Duration
	for range o.rounds {
		rate, took := load(bare.url, ask, clients, o.round)
		ceilings = append(ceilings, rate)
		fastest = append(fastest, took...)
		rate, took = load(url, ask, clients, o.round)
		rates = append(rates, rate)
		latencies = append(latencies, took...)
	}
	return comparison{median(rates), median(ceilings), p99(latencies), p99(fastest)}, nil
}

// measurement words a comparison of rates.
func (c comparison) measurement(what, aim string) measurement {
	return measurement{
		what: what, value: fmt.Sprintf("%.0f/s", c.rate), ceiling: fmt.Sprintf("bare handler %.0f/s", c.ceiling),
		ratio: fmt.Sprintf("%.2f", c.rate/c.ceiling), aim: aim,
	}
}

// latency words a comparison of the slowest answers.
func (c comparison) latency(what, aim string) measurement {
	return measurement{
		what: what, value: c.slowest.Round(10 * time.Microsecond).String(),
		ceiling: "bare handler " + c.slowestCeiling.Round(10*time.Microsecond).String(),
		ratio:   fmt.Sprintf("%.2f", float64(c.slowest)/float64(c.slowestCeiling)), aim: aim,
	}
}

// load sends requests from so many clients for so long, each on a connection of
// its own, and returns answers a second and how long each took.
func load(url string, ask request, clients int, length time.Duration) (rate float64, took []time.Duration) {
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
				r, err := ask(ctx, url)
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
