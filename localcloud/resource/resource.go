// Package resource makes, changes and removes the resources of stacks: one file
// per resource type of CloudFormation.
//
// The types reach the cloud through AWS's own clients and in no other way, each
// in the account and region of its stack. Every step may be repeated, also by
// another process after a crash: what has a name of its own making is found by
// it, since the name is made of the operation's token; what the template names
// is looked for before it is made, and the memo says that it was not there.
//
// A property that has no effect anywhere in the local cloud, such as a bucket's
// encryption, is accepted where its file says so. One that should have an effect
// and has none fails the resource.
package resource

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/internal/arn"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/rollout"
)

// A Config is what the resource types need from outside.
type Config struct {
	// AWS reaches the cloud. Its region and credentials are replaced by those
	// of the stack: the access key is the number of the stack's account.
	AWS aws.Config
	// Rollouts carries out the deployments that templates prefer.
	Rollouts Rollouts
}

// Rollouts carries rollouts out. *rollouts.Service does.
type Rollouts interface {
	// Start begins a rollout, or goes on with one that was begun before.
	Start(ctx context.Context, r rollouts.Request) error
	// Stop ends a rollout by order, with back after all of the traffic was taken
	// back.
	Stop(ctx context.Context, id, by, reason string, back bool) error
	// Status returns how a rollout stands.
	Status(ctx context.Context, id string) (rollouts.Status, error)
}

// Providers returns the resource types by name.
func Providers(c Config) map[string]cloudformation.Provider {
	w := &world{aws: c.AWS, clients: map[place]*clients{}, carrier: &carrier{Rollouts: c.Rollouts, begun: map[string]bool{}}}
	out := map[string]cloudformation.Provider{}
	for name, k := range kinds() {
		out[name] = &provider{world: w, kind: k}
	}
	return out
}

// kinds returns all resource types.
func kinds() map[string]kind {
	return map[string]kind{
		"AWS::CloudFormation::WaitConditionHandle": waitConditionHandle(),
		"AWS::CloudWatch::Alarm":                   alarm(),
		"AWS::CloudWatch::CompositeAlarm":          compositeAlarm(),
		"AWS::CodeDeploy::Application":             application(),
		"AWS::CodeDeploy::DeploymentConfig":        deploymentConfig(),
		"AWS::CodeDeploy::DeploymentGroup":         deploymentGroup(),
		"AWS::Events::Rule":                        rule(),
		"AWS::IAM::ManagedPolicy":                  managedPolicy(),
		"AWS::IAM::Policy":                         policy(),
		"AWS::IAM::Role":                           role(),
		"AWS::Lambda::Alias":                       lambdaAlias(),
		"AWS::Lambda::EventInvokeConfig":           eventInvokeConfig(),
		"AWS::Lambda::Function":                    function(),
		"AWS::Lambda::LayerVersion":                layerVersion(),
		"AWS::Lambda::Permission":                  permission(),
		"AWS::Lambda::Url":                         functionURL(),
		"AWS::Lambda::Version":                     lambdaVersion(),
		"AWS::Logs::LogGroup":                      logGroup(),
		"AWS::S3::Bucket":                          bucket(),
		"AWS::S3::BucketPolicy":                    bucketPolicy(),
		"AWS::SNS::Subscription":                   subscription(),
		"AWS::SNS::Topic":                          topic(),
		"AWS::SNS::TopicPolicy":                    topicPolicy(),
		"AWS::StepFunctions::Activity":             activity(),
		"AWS::StepFunctions::StateMachine":         stateMachine(),
		"AWS::StepFunctions::StateMachineAlias":    stateMachineAlias(),
		"AWS::StepFunctions::StateMachineVersion":  stateMachineVersion(),
	}
}

// A world has what all types share.
type world struct {
	aws     aws.Config
	carrier *carrier

	mu      sync.Mutex
	clients map[place]*clients
}

// A place is where a stack is.
type place struct{ partition, region, account string }

// clients are those of one place.
type clients struct {
	alarms  *cloudwatch.Client
	buckets *s3.Client
	deploy  *codedeploy.Client
	events  *eventbridge.Client
	iam     *iam.Client
	lambda  *lambda.Client
	logs    *cloudwatchlogs.Client
	sfn     *sfn.Client
	sns     *sns.Client
}

func (w *world) at(p place) *clients {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.clients[p]; c != nil {
		return c
	}
	config := w.aws.Copy()
	config.Region = p.region
	config.Credentials = credentials.NewStaticCredentialsProvider(p.account, "local", "")
	// Waiting is the stack's business, in the cloud's time.
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	c := &clients{
		alarms:  cloudwatch.NewFromConfig(config),
		buckets: s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true }),
		deploy:  codedeploy.NewFromConfig(config),
		events:  eventbridge.NewFromConfig(config),
		iam:     iam.NewFromConfig(config),
		lambda:  lambda.NewFromConfig(config),
		logs:    cloudwatchlogs.NewFromConfig(config),
		sfn:     sfn.NewFromConfig(config),
		sns:     sns.NewFromConfig(config),
	}
	w.clients[p] = c
	return c
}

// A carrier remembers which rollouts this process has begun, or gone on with.
type carrier struct {
	Rollouts

	mu    sync.Mutex
	begun map[string]bool
}

func (r *carrier) begin(ctx context.Context, q rollouts.Request) error {
	if r.Rollouts == nil {
		return invalid("The local cloud carries out no deployments here.")
	}
	if err := r.Start(ctx, q); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun[q.ID] = true
	return nil
}

func (r *carrier) began(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun[id]
}

// A call is one call of a provider.
type call struct {
	cloudformation.Request
	carrier *carrier
	*clients
	place

	id   string   // the physical id, as soon as it is known
	note string   // what the next call of this operation shall know
	left []string // properties that are left out, since the stack is lenient

	waits  string // what the operation waits for beside its own time
	remark string // what is otherwise than the template has it, for the events
}

// longHold is for how long a rollout holds before a stack's events tell of it: hooks
// and counts mostly answer within minutes.
const longHold = 5 * time.Minute

// standstill says why a rollout does not go on by itself, "" when it does.
func standstill(s rollouts.Status) string {
	switch {
	case s.Phase == rollout.Paused:
		return fmt.Sprintf("The rollout %s is paused at %s %s. It goes on with: crossfade resume %s", s.ID, s.Weight, s.Why, s.ID)
	case s.Phase == rollout.Holding && s.At.Sub(s.Since) >= longHold:
		return fmt.Sprintf("The rollout %s holds at %s: %s. See: crossfade why %s", s.ID, s.Weight, s.Why, s.ID)
	}
	return ""
}

// attributes are what Fn::GetAtt may ask for.
type attributes = map[string]jsonvalue.Value

// A kind is one resource type. Its functions may each be called again for what
// they have done already.
type kind struct {
	// name is the property that names the resource; empty where a template
	// cannot. longest bounds a name that is made up.
	name    string
	longest int
	// lower says that names have no capitals.
	lower bool

	// absent makes sure, before create, that what the template names is not
	// there yet; nil where create itself can tell. It may leave a note for
	// create.
	absent func(ctx context.Context, c *call) error
	// create makes the resource and sets c.id. What it finds to be there
	// already is its own.
	create func(ctx context.Context, c *call) error
	// complete does what is left to do after create, update or remove, and
	// returns how long to wait before it is called again; 0 means done.
	complete func(ctx context.Context, c *call) (time.Duration, error)
	// update changes the resource to what it shall be; nil where every change
	// is a replacement.
	update func(ctx context.Context, c *call) (time.Duration, error)
	// remove ends the resource. That it is not there is no error. It returns how
	// long to wait before it is called again; 0 means that it is gone.
	remove func(ctx context.Context, c *call) (time.Duration, error)
	// attributes returns what Fn::GetAtt may ask for; nil where it may not.
	attributes func(ctx context.Context, c *call) (attributes, error)
	// tags reads and changes the tags of the resource; nil where it has none.
	tags tagging
	// missing lists the properties, or places in them, that are about services
	// which the local cloud does not have; the empty path is all of the resource.
	// A lenient stack is made without. nil where there are none.
	missing func(ctx context.Context, c *call) []string
}

// at once, and after what usually takes a moment.
const (
	soon  = time.Millisecond
	later = 100 * time.Millisecond
)

// The stages of a creation or change, kept in the memo before the note.
const (
	stageMake     = "make"
	stageComplete = "complete"
)

type provider struct {
	world *world
	kind  kind
}

// Handle carries an operation on.
func (p *provider) Handle(ctx context.Context, r cloudformation.Request) (cloudformation.Progress, error) {
	c := &call{Request: r, carrier: p.world.carrier, id: r.PhysicalID}
	if stack, err := arn.Parse(r.StackID); err == nil {
		c.place = place{stack.Partition, stack.Region, stack.Account}
	} else {
		c.place = place{"aws", wire.DefaultRegion, wire.DefaultAccount}
	}
	c.clients = p.world.at(c.place)
	ctx = wire.ForCloudFormation(ctx)
	var progress cloudformation.Progress
	var err error
	if r.Lenient {
		progress, err = p.leniently(ctx, c)
	} else {
		progress, err = p.handle(ctx, c)
	}
	progress.PhysicalID = c.id
	if err != nil {
		return progress, c.failure(err)
	}
	return progress, nil
}

func (p *provider) handle(ctx context.Context, c *call) (cloudformation.Progress, error) {
	stage, note, _ := strings.Cut(c.Memo, " ")
	c.note = note
	switch {
	case c.Action == cloudformation.Delete:
		wait, err := p.kind.remove(ctx, c)
		if isGone(err) {
			return cloudformation.Progress{}, nil
		}
		return cloudformation.Progress{Again: wait, Memo: stageMake + " " + c.note}, err
	case stage == stageComplete:
		return p.complete(ctx, c)
	case c.Action == cloudformation.Update:
		return p.update(ctx, c)
	case stage == "" && p.kind.absent != nil && (p.kind.name == "" || c.has(p.kind.name)):
		if err := p.kind.absent(ctx, c); err != nil {
			return cloudformation.Progress{}, err
		}
		return cloudformation.Progress{Again: soon, Memo: stageMake + " " + c.note}, nil
	}
	if err := p.kind.create(ctx, c); err != nil {
		return cloudformation.Progress{}, err
	}
	return p.made(ctx, c)
}

func (p *provider) update(ctx context.Context, c *call) (cloudformation.Progress, error) {
	if p.kind.update != nil {
		wait, err := p.kind.update(ctx, c)
		if err != nil || wait > 0 {
			return cloudformation.Progress{Again: wait, Memo: stageMake + " " + c.note, Waits: c.waits}, err
		}
	}
	if err := p.kind.tags.apply(ctx, c); err != nil {
		return cloudformation.Progress{}, err
	}
	return p.made(ctx, c)
}

// made goes on when the resource is there: its id is known before anything else
// can fail.
func (p *provider) made(ctx context.Context, c *call) (cloudformation.Progress, error) {
	if p.kind.complete != nil {
		return cloudformation.Progress{Again: soon, Memo: stageComplete + " "}, nil
	}
	return p.complete(ctx, c)
}

func (p *provider) complete(ctx context.Context, c *call) (cloudformation.Progress, error) {
	if p.kind.complete != nil {
		wait, err := p.kind.complete(ctx, c)
		if err != nil || wait > 0 {
			return cloudformation.Progress{Again: wait, Memo: stageComplete + " " + c.note}, err
		}
	}
	if p.kind.attributes == nil {
		return cloudformation.Progress{Note: c.remark}, nil
	}
	a, err := p.kind.attributes(ctx, c)
	return cloudformation.Progress{Attributes: a, Note: c.remark}, err
}

// arn returns the ARN of a resource in the stack's account and region.
func (c *call) arn(service, resource string) string {
	return arn.ARN{Partition: c.partition, Service: service, Region: c.region, Account: c.account, Resource: resource}.String()
}

// has says whether the template gives a property.
func (c *call) has(property string) bool { return present(c.Properties, property) }

func present(properties jsonvalue.Value, property string) bool {
	v, ok := properties.Get(property)
	return ok && v.Kind() != jsonvalue.KindNull
}

// text returns a property as text, "" where it is not given.
func (c *call) text(property string) string { return textOf(c.Properties, property) }

func textOf(properties jsonvalue.Value, property string) string {
	v, _ := properties.Get(property)
	return scalar(v)
}

// textsOf returns a property of each element of a list that is a property.
func textsOf(properties jsonvalue.Value, list, property string) []string {
	elements, _ := properties.Get(list)
	var texts []string
	for e := range elements.Elements() {
		texts = append(texts, textOf(e, property))
	}
	return texts
}

// changed says whether an update changes one of the properties.
func (c *call) changed(properties ...string) bool {
	for _, p := range properties {
		before, _ := c.Previous.Get(p)
		after, _ := c.Properties.Get(p)
		if before.IsDefined() != after.IsDefined() || !jsonvalue.Equal(before, after) {
			return true
		}
	}
	return false
}

// done makes f a function that needs no second call.
func done(f func(ctx context.Context, c *call) error) func(ctx context.Context, c *call) (time.Duration, error) {
	return func(ctx context.Context, c *call) (time.Duration, error) { return 0, f(ctx, c) }
}
