package resource

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

// An unsupportedProperty is the failure because of one property.
type unsupportedProperty struct {
	path string // such as Targets/0/SqsParameters
	cloudformation.Failure
}

func (u *unsupportedProperty) Error() string { return u.Failure.Error() }

func (u *unsupportedProperty) Unwrap() error { return &u.Failure }

// leniently carries an operation on without the properties that the local cloud
// does not act on, and says which these are.
func (p *provider) leniently(ctx context.Context, c *call) (cloudformation.Progress, error) {
	const prefix = "without "
	if rest, ok := strings.CutPrefix(c.Memo, prefix); ok {
		before, memo, _ := strings.Cut(rest, "\n")
		c.left, c.Memo = strings.Fields(before), memo
	}
	progress, err := p.withoutMissing(ctx, c)
	for u := (*unsupportedProperty)(nil); errors.As(err, &u) && c.leaveOut(u.path); {
		progress, err = p.handle(ctx, c)
	}
	switch {
	case len(c.left) == 0, err != nil:
	case progress.Again > 0:
		progress.Memo = prefix + strings.Join(c.left, " ") + "\n" + progress.Memo
	case c.Action == cloudformation.Delete:
	case c.left[0] == entire:
		progress.Note = "A name with nothing behind it: it is about what the local cloud does not have."
	default:
		progress.Note = strings.TrimSpace("Without what the local cloud does not have or act on: " + strings.Join(c.left, ", ") + ". " + progress.Note)
	}
	return progress, err
}

// entire is the path of all of a resource's properties.
const entire = "#"

func (p *provider) withoutMissing(ctx context.Context, c *call) (cloudformation.Progress, error) {
	if p.kind.missing == nil {
		return p.handle(ctx, c)
	}
	before := c.before(ctx, p.kind)
	for _, path := range slices.Backward(p.kind.missing(ctx, c)) { // the last elements of lists first
		if path != entire {
			c.tellOf(path)
			c.Properties = without(c.Properties, strings.Split(path, "/"))
			continue
		}
		c.left = []string{entire}
		if c.Action == cloudformation.Delete {
			return cloudformation.Progress{}, nil
		}
		if before != nil {
			if _, err := p.kind.remove(ctx, before); err != nil && !isGone(err) {
				return cloudformation.Progress{}, err
			}
		}
		if c.id == "" {
			c.id = c.named(p.kind)
		}
		a, err := p.kind.attributes(ctx, c)
		return cloudformation.Progress{Attributes: a}, err
	}
	return p.handle(ctx, c)
}

// before takes what was missing before an update out of what was: the elements of
// a list may have been others, and at other places. It returns what ends the
// resource of then; nil where nothing was there.
func (c *call) before(ctx context.Context, k kind) *call {
	if c.Action != cloudformation.Update {
		return nil
	}
	before := *c
	before.Properties = c.Previous
	for _, path := range slices.Backward(k.missing(ctx, &before)) {
		if path == entire {
			c.Previous = jsonvalue.Value{}
			return nil
		}
		c.Previous = without(c.Previous, strings.Split(path, "/"))
	}
	before.Properties = c.Previous
	return &before
}

// tellOf has a path told as one that is left out.
func (c *call) tellOf(path string) {
	if !slices.Contains(c.left, path) { // by the call before, of the same operation
		c.left = append(c.left, path)
	}
}

// leaveOut takes a property out of what is wanted and of what was, and says
// whether it was wanted.
func (c *call) leaveOut(path string) bool {
	c.tellOf(path)
	steps, before := strings.Split(path, "/"), c.Properties
	c.Properties, c.Previous = without(c.Properties, steps), without(c.Previous, steps)
	return !jsonvalue.Equal(before, c.Properties)
}

// without returns a value without what is at a path below it.
func without(v jsonvalue.Value, path []string) jsonvalue.Value {
	if i, err := strconv.Atoi(path[0]); err == nil && v.Kind() == jsonvalue.KindArray {
		switch {
		case i >= v.Len():
			return v
		case len(path) > 1:
			return v.WithAt(i, without(v.At(i), path[1:]))
		default:
			return v.Slice(0, i).Append(slices.Collect(v.Slice(i+1, v.Len()).Elements())...)
		}
	}
	below, ok := v.Get(path[0])
	switch {
	case !ok:
		return v
	case len(path) > 1:
		return v.With(path[0], without(below, path[1:]))
	default:
		return v.Without(path[0])
	}
}

// missingOfFunction lists what is about networks, file systems, snapshots,
// tenants, and layers and signers that are elsewhere.
func missingOfFunction(ctx context.Context, c *call) []string {
	var paths []string
	for _, property := range []string{"FileSystemConfigs", "SnapStart", "TenancyConfig", "VpcConfig"} {
		if c.has(property) {
			paths = append(paths, property)
		}
	}
	if signing := c.text("CodeSigningConfigArn"); signing != "" {
		if _, err := c.lambda.GetCodeSigningConfig(ctx, &lambda.GetCodeSigningConfigInput{CodeSigningConfigArn: &signing}); err != nil {
			paths = append(paths, "CodeSigningConfigArn")
		}
	}
	for i, layer := range texts(c.Properties, "Layers") {
		a, err := arn.Parse(layer)
		if err != nil || a.Account == c.account {
			continue
		}
		if _, err := c.lambda.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: &layer}); err != nil {
			paths = append(paths, "Layers/"+strconv.Itoa(i))
		}
	}
	return paths
}

// missingOfRule lists the targets that events cannot reach here, and queues for
// those that reach none.
func missingOfRule(_ context.Context, c *call) []string {
	if bus := c.text("EventBusName"); bus != "" && bus != "default" && !strings.HasSuffix(bus, ":event-bus/default") {
		return []string{entire}
	}
	var paths []string
	targets, _ := c.Properties.Get("Targets")
	for i := range targets.Len() {
		at := "Targets/" + strconv.Itoa(i)
		if a, err := arn.Parse(textOf(targets.At(i), "Arn")); err == nil && !slices.Contains([]string{"lambda", "states", "sns", "logs"}, a.Service) {
			paths = append(paths, at)
		} else if present(targets.At(i), "DeadLetterConfig") {
			paths = append(paths, at+"/DeadLetterConfig")
		}
	}
	return paths
}

// reached are the protocols that messages of topics can take here.
var reached = []string{"http", "https", "lambda", "email", "email-json"}

func missingOfSubscription(_ context.Context, c *call) []string {
	switch {
	case !slices.Contains(reached, c.text("Protocol")):
		return []string{entire}
	case c.has("RedrivePolicy"):
		return []string{"RedrivePolicy"}
	default:
		return nil
	}
}

func missingOfTopic(_ context.Context, c *call) []string {
	var paths []string
	for i, protocol := range textsOf(c.Properties, "Subscription", "Protocol") {
		if !slices.Contains(reached, protocol) {
			paths = append(paths, "Subscription/"+strconv.Itoa(i))
		}
	}
	return paths
}
