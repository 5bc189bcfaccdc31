package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// newDemoFunction is the demo's Lambda function. Its code is a bootstrap that runs
// this program, so that the demo needs no interpreter.
func newDemoFunction(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:    "demo-function VERSION",
		Short:  "The function of crossfade demo; Lambda runs it",
		Hidden: true,
		Args:   args("VERSION"),
		RunE: func(cmd *cobra.Command, a []string) error {
			return serveInvocations(cmd.Context(), env.Getenv("AWS_LAMBDA_RUNTIME_API"), priceOrder(a[0]))
		},
	}
}

// priceOrder is what a version of the demo's function does: it prices an order.
func priceOrder(version string) func(event []byte) ([]byte, error) {
	return func(event []byte) ([]byte, error) {
		var order struct {
			Amount int `json:"amount"`
		}
		if err := json.Unmarshal(event, &order); err != nil {
			return nil, err
		}
		return fmt.Appendf(nil, `{"version": %q, "price": %d}`, version, order.Amount*2), nil
	}
}

// serveInvocations answers invocations through the Lambda Runtime API at address
// until ctx ends or the API is gone, which is when Lambda is done with the
// environment.
//
// Source: Lambda Developer Guide, "Using the Lambda runtime API for custom
// runtimes".
func serveInvocations(ctx context.Context, address string, handle func(event []byte) ([]byte, error)) error {
	if address == "" {
		return errors.New("AWS_LAMBDA_RUNTIME_API is not set: only Lambda runs this")
	}
	api := "http://" + address + "/2018-06-01/runtime/invocation/"
	for {
		id, event, err := nextInvocation(ctx, api)
		if err != nil {
			return err
		}
		what := "/response"
		result, err := handle(event)
		if err != nil {
			what = "/error"
			if result, err = json.Marshal(map[string]string{"errorType": "Error", "errorMessage": err.Error()}); err != nil {
				return err
			}
		}
		if _, _, err := callRuntime(ctx, http.MethodPost, api+id+what, result); err != nil {
			return err
		}
	}
}

func nextInvocation(ctx context.Context, api string) (id string, event []byte, err error) {
	header, event, err := callRuntime(ctx, http.MethodGet, api+"next", nil)
	if err != nil {
		return "", nil, err
	}
	return header.Get("Lambda-Runtime-Aws-Request-Id"), event, nil
}

func callRuntime(ctx context.Context, method, url string, body []byte) (http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	answer, err := io.ReadAll(res.Body)
	if closed := res.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, url, res.Status, strings.TrimSpace(string(answer)))
	}
	return res.Header, answer, err
}
