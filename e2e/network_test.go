package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// A line between a deployer and a cloud on which requests and answers are lost,
// throttled or answered with an error of the service, as often as bad says.
type line struct {
	*httptest.Server
	mu   sync.Mutex
	draw *rand.Rand
	bad  float64
}

func newLine(t *testing.T, c *cloud, seed uint64, bad float64) *line {
	t.Helper()
	to, err := url.Parse(c.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{draw: rand.New(rand.NewPCG(seed, 1)), bad: bad}
	proxy := httputil.NewSingleHostReverseProxy(to)
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch l.fate() {
		case 0: // the request is lost
			panic(http.ErrAbortHandler)
		case 1: // the answer is lost: what was asked for has been done
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case 2:
			answer(w, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
		case 3:
			answer(w, http.StatusServiceUnavailable, "ServiceUnavailable", "The service is unavailable.")
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

// fate draws what happens to a request: one of the four troubles, or none.
func (l *line) fate() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draw.Float64() >= l.bad {
		return -1
	}
	return l.draw.IntN(4)
}

func answer(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"__type": "`+code+`", "message": "`+message+`"}`)
}

// through is a deploy whose calls go over the line, and whose SDK does not try
// anything again by itself.
func (d *mortalDeploy) through(l *line) *mortalDeploy {
	d.env = append(slices.Clone(d.env), "AWS_ENDPOINT_URL="+l.URL)
	return d
}

// Calls that are lost, done without an answer, or throttled end no rollout and
// move no alias to where nobody wanted it.
func TestADeployComesToItsEndOverABadLine(t *testing.T) {
	c := startCloud(t)
	for seed := uint64(100); seed < 108; seed += 2 {
		harm := seed%4 == 0
		t.Run(fmt.Sprintf("seed %d, harm %t", seed, harm), func(t *testing.T) {
			t.Parallel()
			d := newDeploy(t, c, seed).through(newLine(t, c, seed, 0.2))
			step, wantCode, wantRouting := "10%/400ms", 0, "2=100"
			if harm {
				step, wantCode, wantRouting = "10%/1h", 3, "1=100"
			}
			d.args[indexAfter(d.args, "--canary")] = step
			var r *running
			code := 1
			for try := 0; code == 1 && try < 20; try++ { // an error before anything has begun: the same command again
				r = start(t, d.command(d.args...))
				if harm && r.hears("100 % in") {
					d.fire(t)
				}
				code = r.code(t)
			}
			if got := c.routing(t, d.machine+":prod"); code != wantCode || got != wantRouting {
				t.Errorf("exit code %d with routing %s, want %d with %s\n%s", code, got, wantCode, wantRouting, r.said())
			}
		})
	}
}

// An alias that somebody else sets by hand is left to them until a person says
// what is to be done.
func TestAnAliasSetByHandIsNotOverwritten(t *testing.T) {
	c := startCloud(t)
	d, r := waiting(t, c, 0)
	alias := d.machine + ":prod"
	if _, err := c.sfn().UpdateStateMachineAlias(t.Context(), &sfn.UpdateStateMachineAliasInput{
		StateMachineAliasArn: &alias, RoutingConfiguration: []sfntypes.RoutingConfigurationListItem{
			{StateMachineVersionArn: aws.String(d.machine + ":1"), Weight: 60}, {StateMachineVersionArn: aws.String(d.machine + ":2"), Weight: 40},
		},
	}); err != nil {
		t.Fatal(err)
	}
	if !r.hears("holding") {
		t.Fatalf("it ended without a word about the change:\n%s", r.said())
	}
	if got := c.routing(t, alias); got != "1=60 2=40" {
		t.Errorf("the alias shows %s, want what was set by hand, 1=60 2=40", got)
	}
	for _, step := range []struct {
		order   string
		code    int
		routing string
	}{
		{"abort", 5, "1=60 2=40"}, // it is not back on the old version
		{"adopt --revert", 0, "1=100"},
	} {
		args := append(strings.Fields(step.order), d.name+":prod", "--reason", "a test says so")
		out, err := d.command(args...).CombinedOutput()
		if code := exitCode(t, err); code != step.code {
			t.Errorf("%s: exit code %d, want %d\n%s", step.order, code, step.code, out)
		}
		if step.order == "abort" {
			if code := r.code(t); code != 6 {
				t.Errorf("exit code %d of the aborted deploy, want 6\n%s", code, r.said())
			}
		}
		if got := c.routing(t, alias); got != step.routing {
			t.Errorf("after %s the alias shows %s, want %s\n%s", step.order, got, step.routing, r.said())
		}
	}
}
