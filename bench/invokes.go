package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
)

// A handlerKind is a way to write a function that answers its event.
type handlerKind struct {
	name    string
	runtime types.Runtime
	handler string
	files   map[string][]byte
	bare    []string // a command that only starts what the function runs by
	aim     string   // at 32 clients
}

// handlerKinds returns the kinds that this machine can run.
func handlerKinds() ([]handlerKind, error) {
	bootstrap, err := buildBootstrap()
	if err != nil {
		return nil, err
	}
	kinds := []handlerKind{
		{"compiled", types.RuntimeProvidedal2023, "bootstrap", map[string][]byte{"bootstrap": bootstrap}, nil, "≥ 3,000/s"},
		{"Python", types.RuntimePython312, "app.handler", map[string][]byte{"app.py": []byte("def handler(event, context):\n    return event\n")}, []string{"python3", "-c", "pass"}, "≥ 1,000/s"},
		{"Node", types.RuntimeNodejs22x, "app.handler", map[string][]byte{"app.js": []byte("exports.handler = async (event) => event\n")}, []string{"node", "-e", "0"}, ""},
	}
	var there []handlerKind
	for _, k := range kinds {
		if len(k.bare) > 0 {
			if _, err := exec.LookPath(k.bare[0]); err != nil {
				fmt.Fprintf(os.Stderr, "bench: %s functions are left out: there is no %s here\n", k.name, k.bare[0])
				continue
			}
		}
		there = append(there, k)
	}
	return there, nil
}

func buildBootstrap() ([]byte, error) {
	dir, err := os.MkdirTemp("", "crossfade-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays in the temporary folder is the system's to remove
	path := filepath.Join(dir, "bootstrap")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./bench/testdata/bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	return os.ReadFile(path)
}

// archive returns the code of a function; seed makes it another one.
func (k handlerKind) archive(seed string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, content []byte) error {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(0o755)
		f, err := z.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return err
	}
	for name, content := range k.files {
		if err := add(name, content); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(add("seed.txt", []byte(seed)), z.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// invokes measures Invoke through a weighted alias with real processes against a
// bare handler, the start of an environment against the bare start of what it
// runs by, and the memory of an environment that is warm.
func invokes(o options) ([]measurement, error) {
	kinds, err := handlerKinds()
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cloud, err := localcloud.Open(localcloud.Config{Seed: 1, Path: os.Getenv("PATH"), Sandbox: program})
	if err != nil {
		return nil, err
	}
	defer func() { _ = cloud.Close() }() // nothing of it is kept
	go func() { _ = cloud.Run(ctx) }()   // ends with ctx; what it says then is that
	server, err := serve(ctx, cloud.Handler())
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }() // it has no requests any more
	client := lambda.NewFromConfig(cloud.AWSConfig())
	var out []measurement
	for _, k := range kinds {
		name := "bench-" + strings.ToLower(k.name)
		if err := k.create(ctx, client, name); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		for _, clients := range []int{1, 32} {
			ask := invokeRequest(name + ":live")
			load(server.url, ask, clients, max(o.round, 3*time.Second)) // starts the environments, which are measured below
			c, err := compare(ctx, o, server.url, ask, clients)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k.name, err)
			}
			aim := ""
			if clients > 1 {
				aim = k.aim
			}
			out = append(out, c.measurement(fmt.Sprintf("Invoke through a 10/90 alias, %s, %s", k.name, many(clients)), aim))
		}
		cold, err := k.cold(ctx, o, client, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		warm, err := k.warm(ctx, client, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		out = append(out, cold, warm)
	}
	return out, nil
}

func many(clients int) string {
	if clients == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", clients)
}

// create makes a function with two versions, and an alias that gives the second
// one 10 %.
func (k handlerKind) create(ctx context.Context, client *lambda.Client, name string) error {
	first, err := k.archive("first")
	if err != nil {
		return err
	}
	second, err := k.archive("second")
	if err != nil {
		return err
	}
	if _, err := client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: k.runtime, Handler: &k.handler, Role: aws.String("arn:aws:iam::000000000000:role/bench"),
		Code: &types.FunctionCode{ZipFile: first}, Publish: true, Timeout: aws.Int32(60),
	}); err != nil {
		return err
	}
	if err := settled(ctx, client, name); err != nil {
		return err
	}
	if _, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: second, Publish: true}); err != nil {
		return err
	}
	if err := settled(ctx, client, name); err != nil {
		return err
	}
	_, err = client.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: &name, Name: aws.String("live"), FunctionVersion: aws.String("1"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.1}},
	})
	return err
}

// settled waits until a function can be invoked and changed.
func settled(ctx context.Context, client *lambda.Client, name string) error {
	return until(func() (bool, error) {
		out, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		return err == nil && out.State == types.StateActive && out.LastUpdateStatus == types.LastUpdateStatusSuccessful, err
	})
}

// until looks every millisecond, for a minute, until holds.
func until(holds func() (bool, error)) error {
	for range 60_000 {
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		<-clock.System{}.After(time.Millisecond)
	}
	return errors.New("it has not come to what was asked for within a minute")
}

func invokeRequest(function string) request {
	return func(ctx context.Context, url string) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/2015-03-31/functions/"+function+"/invocations",
			strings.NewReader(`{"order":42,"lines":[{"sku":"A-1","n":2}]}`))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260102/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0")
		return r, nil
	}
}

// cold measures the first invocation of code that was never run.
func (k handlerKind) cold(ctx context.Context, o options, client *lambda.Client, name string) (measurement, error) {
	var took, ceilings []float64
	for i := range 2 * o.rounds {
		code, err := k.archive("cold " + strconv.Itoa(i))
		if err != nil {
			return measurement{}, err
		}
		if _, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &name, ZipFile: code}); err != nil {
			return measurement{}, err
		}
		if err := settled(ctx, client, name); err != nil {
			return measurement{}, err
		}
		begin := now()
		if _, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(`{}`)}); err != nil {
			return measurement{}, err
		}
		took = append(took, float64(now().Sub(begin))/float64(time.Millisecond))
		if len(k.bare) > 0 {
			begin = now()
			if err := exec.CommandContext(ctx, k.bare[0], k.bare[1:]...).Run(); err != nil {
				return measurement{}, err
			}
			ceilings = append(ceilings, float64(now().Sub(begin))/float64(time.Millisecond))
		}
	}
	m := measurement{what: "first invocation of new code, " + k.name, value: fmt.Sprintf("%.0f ms", median(took))}
	if len(ceilings) > 0 {
		m.ceiling = fmt.Sprintf("`%s` %.0f ms", strings.Join(k.bare, " "), median(ceilings))
		m.ratio = fmt.Sprintf("%.1f", median(took)/median(ceilings))
	}
	return m, nil
}

// warm measures what one environment more takes: of its own, and its part of what
// it shares with the others.
func (k handlerKind) warm(ctx context.Context, client *lambda.Client, name string) (measurement, error) {
	const environments = 8
	before := processMemory(os.Getpid())
	version := aws.String("1")
	if _, err := client.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: &name, Qualifier: version, ProvisionedConcurrentExecutions: aws.Int32(environments),
	}); err != nil {
		return measurement{}, err
	}
	if err := until(func() (bool, error) {
		out, err := client.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: &name, Qualifier: version})
		return err == nil && out.Status == types.ProvisionedConcurrencyStatusEnumReady, err
	}); err != nil {
		return measurement{}, err
	}
	after := processMemory(os.Getpid())
	_, err := client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name})
	return measurement{
		what:  "memory of a warm environment, " + k.name,
		value: fmt.Sprintf("%.0f MiB", float64(after-before)/environments/(1<<10)),
	}, err
}

// processMemory returns the KiB that the processes below one hold, each with its
// part of what it shares; 0 where there is no /proc.
func processMemory(pid int) int64 {
	var sum int64
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, child := range strings.Fields(string(children)) {
			n, err := strconv.Atoi(child)
			if err != nil {
				continue
			}
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", n))
			for line := range strings.Lines(string(text)) {
				if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
					kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
					sum += kb
				}
			}
			sum += processMemory(n)
		}
	}
	return sum
}
