package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/internal/clock"
)

// The demo's function, which prices the orders.
const (
	demoFunction      = "pricing"
	demoFunctionAlias = "live"
)

func codeFile(version string) string { return "pricing-v" + version + ".zip" }

// functionCode returns a version of the function: an archive whose bootstrap runs
// this very program, so that no interpreter is needed.
func functionCode(version string) ([]byte, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS == "windows" || strings.Contains(program, "'") {
		return nil, errors.New("this machine has no shell that could start it")
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	f, err := z.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(f, "#!/bin/sh\nexec '%s' demo-function %s\n", program, version); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// buildFunction creates version 1 of the function with an alias that serves it, and
// invokes it once. The error is for a machine that runs no functions; the demo
// then shows state machines only.
func (s *stage) buildFunction(ctx context.Context, c clock.Clock) error {
	code, err := functionCode("1")
	if err != nil {
		return err
	}
	if _, err := s.functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String(demoFunction), Role: aws.String("arn:aws:iam::123456789012:role/pricing"), Publish: true,
		Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: code},
	}); err != nil {
		return err
	}
	if _, err := s.functions.CreateAlias(ctx, &lambda.CreateAliasInput{
		FunctionName: aws.String(demoFunction), Name: aws.String(demoFunctionAlias), FunctionVersion: aws.String("1"),
	}); err != nil {
		return err
	}
	for {
		out, err := s.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(demoFunction + ":" + demoFunctionAlias), Payload: []byte(`{"amount": 1}`)})
		var pending *lambdatypes.ResourceConflictException // it is Pending at first
		switch {
		case errors.As(err, &pending):
		case err != nil:
			return err
		case out.FunctionError != nil:
			return fmt.Errorf("%s: %s", *out.FunctionError, out.Payload)
		default:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.After(50 * time.Millisecond):
		}
	}
}
