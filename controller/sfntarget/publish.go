package sfntarget

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/plan"
)

// initialRevision is how the API names the revision of a state machine that was
// never updated; reading such a machine shows no revision at all.
//
// Source: Step Functions API, PublishStateMachineVersion, revisionId.
const initialRevision = "INITIAL"

// Resolve reads what a target names, and changes nothing.
func (t *Target) Resolve(ctx context.Context, target plan.Target, files controller.Files) (controller.Resolved, error) {
	machine, err := t.machine(ctx, target.Name)
	if err != nil {
		return controller.Resolved{}, err
	}
	r := controller.Resolved{Target: target, Alias: machine.With(target.Alias).String(), Version: target.Version}
	now, err := t.describe(ctx, machine.String())
	if errors.Is(err, controller.ErrNotFound) {
		return controller.Resolved{}, fmt.Errorf("state machine %s: %w", machine, err)
	}
	if err != nil {
		return controller.Resolved{}, err
	}
	if now.Status == types.StateMachineStatusDeleting {
		return controller.Resolved{}, fmt.Errorf("state machine %s: %w: it is being deleted", machine, controller.ErrNotFound)
	}
	r.Revision = revision(now.RevisionId)
	released := now
	if target.Version != "" {
		released, err = t.describe(ctx, machine.With(target.Version).String())
		if errors.Is(err, controller.ErrNotFound) {
			return controller.Resolved{}, fmt.Errorf("version %s of state machine %s: %w", target.Version, machine, err)
		}
		if err != nil {
			return controller.Resolved{}, err
		}
	}
	text := []byte(aws.ToString(released.Definition))
	if target.Definition != "" && target.Version == "" {
		if text, err = definition(files, target.Definition); err != nil {
			return controller.Resolved{}, err
		}
		r.Upload = !sameJSON([]byte(aws.ToString(now.Definition)), text)
	}
	r.Content = content(released, text)
	r.Now, err = t.Routing(ctx, r.Alias)
	switch {
	case err == nil:
		r.Exists = true
	case !errors.Is(err, controller.ErrNotFound):
		return controller.Resolved{}, err
	}
	return r, nil
}

func (t *Target) describe(ctx context.Context, machine string) (*sfn.DescribeStateMachineOutput, error) {
	out, err := t.api.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &machine})
	return out, awserr.Wrap("DescribeStateMachine", err)
}

func revision(id *string) string {
	if aws.ToString(id) == "" {
		return initialRevision
	}
	return *id
}

// definition reads a definition and makes sure that it is JSON, so that a typing
// error is found before anything is called.
func definition(files controller.Files, name string) ([]byte, error) {
	if files == nil {
		return nil, fmt.Errorf("%w: definition %s: there are no files here", controller.ErrInvalid, name)
	}
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	var syntax *json.SyntaxError
	if err := json.Unmarshal(text, new(json.RawMessage)); errors.As(err, &syntax) {
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return nil, fmt.Errorf("%w: %s:%d: not JSON: %w", controller.ErrInvalid, name, line, err)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", controller.ErrInvalid, name, err)
	}
	return text, nil
}

// sameJSON says whether two texts differ in white space only. A definition that
// was merely formatted is not a new release.
func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return bytes.Equal(a, b)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

// content is a digest of a version of a state machine with a definition: of
// everything about it that its executions can notice.
func content(m *sfn.DescribeStateMachineOutput, definition []byte) string {
	var compact bytes.Buffer
	if json.Compact(&compact, definition) == nil {
		definition = compact.Bytes()
	}
	text, err := json.Marshal([]any{
		m.Type, string(definition), aws.ToString(m.RoleArn), m.LoggingConfiguration, m.TracingConfiguration, m.EncryptionConfiguration,
	})
	if err != nil {
		return "" // a digest is a help: without it versions are known by their numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Publish uploads the definition if it differs, and publishes, on the condition
// that the state machine is still as it was resolved.
func (t *Target) Publish(ctx context.Context, r controller.Resolved, files controller.Files) (controller.Published, error) {
	if r.Version != "" {
		return controller.Published{Canary: r.Version, Reused: true}, nil
	}
	alias, _, err := split(r.Alias)
	if err != nil {
		return controller.Published{}, err
	}
	machine := alias.String()
	newest, err := t.newest(ctx, machine)
	if err != nil {
		return controller.Published{}, err
	}
	condition := r.Revision
	if r.Upload {
		if condition, err = t.upload(ctx, machine, r, files); err != nil {
			return controller.Published{}, err
		}
	}
	out, err := t.api.PublishStateMachineVersion(ctx, &sfn.PublishStateMachineVersionInput{StateMachineArn: &machine, RevisionId: &condition})
	if err != nil {
		err = awserr.Wrap("PublishStateMachineVersion", err)
		if errors.Is(err, controller.ErrConflict) {
			err = fmt.Errorf("the state machine was changed while it was being released: %w", err)
		}
		return controller.Published{}, err
	}
	version, err := number(aws.ToString(out.StateMachineVersionArn))
	if err != nil {
		return controller.Published{}, fmt.Errorf("PublishStateMachineVersion: %w", err)
	}
	// Numbers grow and are never used again, so a version that is not newer
	// than the newest before was there already.
	return controller.Published{Canary: version, Reused: newest != "" && arn.CompareVersions(newest, version) >= 0}, nil
}

// upload gives the state machine the definition in the target's file and
// returns the revision that this made. Updating takes no condition, so the
// revision is compared right before.
func (t *Target) upload(ctx context.Context, machine string, r controller.Resolved, files controller.Files) (string, error) {
	text, err := definition(files, r.Target.Definition)
	if err != nil {
		return "", err
	}
	now, err := t.describe(ctx, machine)
	if err != nil {
		return "", err
	}
	if got := revision(now.RevisionId); got != r.Revision {
		return "", fmt.Errorf("%w: the state machine was changed while it was being released: its revision is %s, not %s", controller.ErrConflict, got, r.Revision)
	}
	body := string(text)
	out, err := t.api.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{StateMachineArn: &machine, Definition: &body})
	if err != nil {
		return "", awserr.Wrap("UpdateStateMachine", err)
	}
	return revision(out.RevisionId), nil
}

// newest returns the number of the newest version, or nothing.
func (t *Target) newest(ctx context.Context, machine string) (string, error) {
	out, err := t.api.ListStateMachineVersions(ctx, &sfn.ListStateMachineVersionsInput{StateMachineArn: &machine, MaxResults: 1})
	if err != nil {
		return "", awserr.Wrap("ListStateMachineVersions", err)
	}
	if len(out.StateMachineVersions) == 0 {
		return "", nil
	}
	return number(aws.ToString(out.StateMachineVersions[0].StateMachineVersionArn))
}
