package lambdatarget

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/internal/awserr"
	"github.com/crossfade-dev/crossfade/plan"
	"github.com/crossfade-dev/crossfade/rollout"
)

// fraction is a weight as Lambda writes it. The division of two whole numbers is
// the float nearest to the decimal that is meant, so a weight survives being
// written and read.
func fraction(w plan.Weight) float64 { return float64(w) / float64(plan.Full) }

// weight reads one of Lambda's. What somebody wrote with more digits than a basis
// point is rounded, but never to the whole or to nothing: that would hide that a
// version serves.
func weight(f float64) plan.Weight {
	w := plan.Weight(math.Round(f * float64(plan.Full)))
	switch {
	case f > 0 && w <= 0:
		return 1
	case f < 1 && w >= plan.Full:
		return plan.Full - 1
	}
	return w
}

// alias is an alias as it was read.
type alias struct {
	routing  rollout.Routing
	version  string // the main version, in the service's words
	revision string
}

// read reads the words of an alias: by convention the main version is the stable
// one, and the additional one is being introduced.
func read(name string, version *string, config *types.AliasRoutingConfiguration) (rollout.Routing, error) {
	r := rollout.Routing{Stable: aws.ToString(version)}
	if r.Stable == "" {
		return r, fmt.Errorf("routing of %s has no version", name)
	}
	if config == nil {
		return r, nil
	}
	if n := len(config.AdditionalVersionWeights); n > 1 {
		return r, fmt.Errorf("%w: routing of %s has %d additional versions; one is all that is known of", controller.ErrInvalid, name, n)
	}
	for other, f := range config.AdditionalVersionWeights {
		switch w := weight(f); {
		case w <= 0:
		case w >= plan.Full:
			r.Stable = other
		default:
			r.Canary, r.Weight = other, w
		}
	}
	return r, nil
}

// write returns the version and the weights that make a routing. Everything on
// one version is that version and no weights, which have to be given as empty:
// an update leaves alone what it does not mention.
func write(to rollout.Routing) (version string, weights map[string]float64, err error) {
	if to.Weight < 0 || to.Weight > plan.Full {
		return "", nil, fmt.Errorf("%w: a weight of %d basis points is beyond the ends", controller.ErrInvalid, to.Weight)
	}
	switch {
	case to.Canary == "" || to.Canary == to.Stable || to.Weight == 0:
		return to.Stable, map[string]float64{}, nil
	case to.Weight == plan.Full:
		return to.Canary, map[string]float64{}, nil
	case to.Stable == latest || to.Canary == latest:
		return "", nil, fmt.Errorf("%w: %s cannot share an alias with a version", controller.ErrInvalid, latest)
	default:
		return to.Stable, map[string]float64{to.Canary: fraction(to.Weight)}, nil
	}
}

// Routing reads what the alias does now. ErrUnsettled while Lambda itself moves
// it, see the package's comment.
func (t *Target) Routing(ctx context.Context, name string) (rollout.Routing, error) {
	now, err := t.get(ctx, name)
	if err != nil {
		return rollout.Routing{}, err
	}
	if now.routing.Canary == "" || now.routing.Same(t.last(name)) {
		return now.routing, nil
	}
	moving, err := t.moving(ctx, name)
	if err != nil {
		return rollout.Routing{}, err
	}
	if moving {
		return rollout.Routing{}, fmt.Errorf("%w: Lambda allocates provisioned concurrency and moves the alias itself meanwhile; it does %s",
			controller.ErrUnsettled, now.routing)
	}
	return now.routing, nil
}

// get reads an alias.
func (t *Target) get(ctx context.Context, of string) (alias, error) {
	function, name, err := split(of)
	if err != nil {
		return alias{}, err
	}
	out, err := t.api.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String(function.String()), Name: &name})
	if err != nil {
		return alias{}, awserr.Wrap("GetAlias", err)
	}
	r, err := read(of, out.FunctionVersion, out.RoutingConfig)
	if err != nil {
		return alias{}, err
	}
	return alias{routing: r, version: *out.FunctionVersion, revision: aws.ToString(out.RevisionId)}, nil
}

// moving says whether Lambda is allocating provisioned concurrency for the alias.
// Who may not know that takes what an alias shows at its word.
//
// Source: Lambda API, GetProvisionedConcurrencyConfig, Status.
func (t *Target) moving(ctx context.Context, of string) (bool, error) {
	function, name, err := split(of)
	if err != nil {
		return false, err
	}
	out, err := t.api.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{
		FunctionName: aws.String(function.String()), Qualifier: &name,
	})
	err = awserr.Wrap("GetProvisionedConcurrencyConfig", err)
	switch {
	case noConcurrency(err), errors.Is(err, controller.ErrDenied):
		return false, nil
	case err != nil:
		return false, err
	}
	return out.Status == types.ProvisionedConcurrencyStatusEnumInProgress, nil
}

// noConcurrency says that there is no provisioned concurrency.
func noConcurrency(err error) bool {
	return awserr.Code(err) == "ProvisionedConcurrencyConfigNotFoundException"
}

func (t *Target) last(alias string) rollout.Routing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked[alias]
}

func (t *Target) remember(alias string, to rollout.Routing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked[alias] = to
}

// Shift makes the alias do to, see [controller.Target].
func (t *Target) Shift(ctx context.Context, name string, from, to rollout.Routing) error {
	version, weights, err := write(to)
	if err != nil {
		return err
	}
	before, err := t.get(ctx, name)
	if err != nil {
		return err
	}
	if r := before.routing; !r.Same(from) && !r.Same(to) {
		// On the way between the two by Lambda's own hand is no reason to wait:
		// traffic may have to be taken back.
		if moving, err := t.moving(ctx, name); err != nil || !moving || !between(r, from, to) {
			return errors.Join(fmt.Errorf("%w: the alias does %s, and neither %s nor %s", controller.ErrConflict, r, from, to), err)
		}
	}
	err = t.update(ctx, name, before.revision, version, weights)
	if errors.Is(err, controller.ErrConflict) {
		// When the answer to a write is lost the client repeats it, and meets
		// the revision that the first one made.
		if now, readErr := t.get(ctx, name); readErr == nil && now.routing.Same(to) && now.revision != before.revision {
			t.remember(name, to)
			return nil
		}
	}
	if err != nil {
		return err
	}
	t.remember(name, to)
	return t.readBack(ctx, name, before, from, to)
}

// readBack looks whether a write is visible.
func (t *Target) readBack(ctx context.Context, name string, before alias, from, to rollout.Routing) error {
	after, err := t.get(ctx, name)
	switch {
	case err != nil:
		return fmt.Errorf("%w: written, but not read back: %w", controller.ErrUnsettled, err)
	case after.routing.Same(to):
		return nil
	case after.revision == before.revision, after.routing.Same(from), after.routing.Same(before.routing):
		return fmt.Errorf("%w: written %s, reading still %s", controller.ErrUnsettled, to, after.routing)
	}
	if moving, err := t.moving(ctx, name); err == nil && moving {
		return fmt.Errorf("%w: written %s; Lambda allocates provisioned concurrency for it, and the alias does %s meanwhile",
			controller.ErrUnsettled, to, after.routing)
	}
	return fmt.Errorf("%w: written %s, but the alias does %s", controller.ErrConflict, to, after.routing)
}

// between says whether a routing names no other versions than two others do.
func between(r, from, to rollout.Routing) bool {
	known := map[string]bool{from.Stable: true, from.Canary: true, to.Stable: true, to.Canary: true}
	return known[r.Stable] && known[r.Canary]
}

// update writes an alias on the condition that nobody else did since it was read.
func (t *Target) update(ctx context.Context, of, revision, version string, weights map[string]float64) error {
	function, name, err := split(of)
	if err != nil {
		return err
	}
	in := &lambda.UpdateAliasInput{FunctionName: aws.String(function.String()), Name: &name, FunctionVersion: &version}
	if revision != "" {
		in.RevisionId = &revision
	}
	if weights != nil {
		in.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
	}
	_, err = t.api.UpdateAlias(ctx, in)
	return awserr.Wrap("UpdateAlias", err)
}

// Prove writes the main version that the alias has, which leaves its weights as
// they are and needs the same right as a shift.
func (t *Target) Prove(ctx context.Context, name string) error {
	now, err := t.get(ctx, name)
	if err != nil {
		return err
	}
	return t.update(ctx, name, now.revision, now.version, nil)
}

// CreateAlias creates an alias with all traffic on one version.
func (t *Target) CreateAlias(ctx context.Context, of, version string) error {
	function, name, err := split(of)
	if err != nil {
		return err
	}
	_, err = t.api.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: aws.String(function.String()), Name: &name, FunctionVersion: &version})
	err = awserr.Wrap("CreateAlias", err)
	if !errors.Is(err, controller.ErrConflict) {
		return err
	}
	if now, readErr := t.get(ctx, of); readErr == nil && now.routing.Same(rollout.Routing{Stable: version}) {
		return nil
	}
	return err
}

// Command returns the AWS command line that gives an alias a routing.
func (t *Target) Command(of string, to rollout.Routing) string {
	function, name, err := split(of)
	if err != nil {
		return ""
	}
	version, weights, err := write(to)
	if err != nil {
		return ""
	}
	routing := "{}"
	for other, f := range weights {
		routing = fmt.Sprintf(`{"%s":%s}`, other, strconv.FormatFloat(f, 'f', -1, 64))
	}
	return fmt.Sprintf(`aws lambda update-alias --region %s --function-name %s --name %s --function-version %s --routing-config '{"AdditionalVersionWeights":%s}'`,
		function.Region, function, name, version, routing)
}
