package resource

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"go.yaml.in/yaml/v3"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
)

// longestMachine bounds the names of state machines and activities.
const longestMachine = 80

func stateMachine() kind {
	k := kind{name: "StateMachineName", longest: longestMachine, tags: statesTags}
	k.absent = func(ctx context.Context, c *call) error {
		name := c.named(k)
		_, err := c.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: new(c.arn("states", "stateMachine:"+name))})
		return unlessGone(err, &cloudformation.Failure{Code: codeAlreadyExists, Message: "State machine already exists"})
	}
	k.create = func(ctx context.Context, c *call) error {
		name := c.named(k)
		in := &sfn.CreateStateMachineInput{}
		if err := c.fill(in, append([]string{"Tags", "StateMachineName", "StateMachineType"}, definitions...)...); err != nil {
			return err
		}
		var err error
		if in.Definition, err = c.definition(ctx); err != nil {
			return err
		}
		in.Name, in.Type, in.Tags = &name, types.StateMachineType(c.text("StateMachineType")), tagList(c.tags(), statesTag)
		_, err = c.sfn.CreateStateMachine(ctx, in)
		if err != nil && !isCode(err, "StateMachineAlreadyExists") {
			return err
		}
		c.id = c.arn("states", "stateMachine:"+name)
		return nil
	}
	k.update = done(func(ctx context.Context, c *call) error {
		in := &sfn.UpdateStateMachineInput{StateMachineArn: &c.id}
		properties := c.withDefaults(`{"LoggingConfiguration":{"Level":"OFF"},"TracingConfiguration":{"Enabled":false},"EncryptionConfiguration":{"Type":"AWS_OWNED_KEY"}}`)
		if err := fillFrom(in, properties, append([]string{"Tags", "StateMachineName", "StateMachineType"}, definitions...)...); err != nil {
			return err
		}
		var err error
		if in.Definition, err = c.definition(ctx); err != nil {
			return err
		}
		_, err = c.sfn.UpdateStateMachine(ctx, in)
		return err
	})
	k.remove = func(ctx context.Context, c *call) (time.Duration, error) {
		if c.note == "" {
			if _, err := c.sfn.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: &c.id}); err != nil {
				return 0, err
			}
			c.note = "asked"
		}
		_, err := c.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &c.id})
		return later, err // gone in the end
	}
	k.attributes = func(ctx context.Context, c *call) (attributes, error) {
		out, err := c.sfn.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &c.id})
		if err != nil {
			return nil, err
		}
		return attributes{"Arn": str(out.StateMachineArn), "Name": str(out.Name), "StateMachineRevisionId": jsonvalue.String(revision(out))}, nil
	}
	return k
}

// revision returns the revision of a state machine or version; one that was
// never updated has none and counts as INITIAL.
func revision(m *sfn.DescribeStateMachineOutput) string {
	if m.RevisionId == nil {
		return "INITIAL"
	}
	return *m.RevisionId
}

// definitions are the properties that make a definition.
var definitions = []string{"Definition", "DefinitionString", "DefinitionS3Location", "DefinitionSubstitutions"}

// maxDefinition bounds a definition that comes from a bucket, in bytes.
const maxDefinition = 1 << 20

// definition returns the definition that the template gives in one of three
// forms, with what is to be substituted in it.
func (c *call) definition(ctx context.Context) (*string, error) {
	given := 0
	for _, p := range definitions[:3] {
		if c.has(p) {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, invalid("Property validation failed. Required key [DefinitionS3Location], [DefinitionString] or [Definition] not found.")
	case given > 1:
		return nil, invalid("Property validation failed. Only one of [DefinitionS3Location], [DefinitionString] and [Definition] is allowed.")
	}
	var text string
	if location, ok := c.Properties.Get("DefinitionS3Location"); ok {
		var err error
		if text, err = c.storedDefinition(ctx, location); err != nil {
			return nil, err
		}
	} else {
		for _, p := range definitions[:2] {
			if v, ok := c.Properties.Get(p); ok {
				text, _ = document(v)
			}
		}
	}
	substitutions, _ := c.Properties.Get("DefinitionSubstitutions")
	var pairs []string
	for key, value := range substitutions.Members() {
		pairs = append(pairs, "${"+key+"}", scalar(value))
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	return &text, nil
}

// storedDefinition reads a definition out of a bucket: JSON, or else YAML.
func (c *call) storedDefinition(ctx context.Context, location jsonvalue.Value) (string, error) {
	in := &s3.GetObjectInput{}
	if err := fillFrom(in, renamed(location, "Version", "VersionId")); err != nil {
		return "", err
	}
	out, err := c.buckets.GetObject(ctx, in)
	if err != nil {
		return "", err
	}
	defer func() { _ = out.Body.Close() }() // it was read only
	text, err := io.ReadAll(io.LimitReader(out.Body, maxDefinition+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxDefinition:
		return "", invalid("State Machine definition file cannot exceed 1MB.")
	}
	if _, err := jsonvalue.ParseBytes(text); err == nil {
		return string(text), nil
	}
	var content any
	if err := yaml.Unmarshal(text, &content); err != nil {
		return "", invalid("The definition in s3://%s/%s is neither JSON nor YAML: %v", *in.Bucket, *in.Key, err)
	}
	asJSON, err := json.Marshal(content)
	if err != nil {
		return "", invalid("The definition in s3://%s/%s has keys that JSON cannot have: %v", *in.Bucket, *in.Key, err)
	}
	return string(asJSON), nil
}

func statesTag(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} }

var statesTags = tagging{
	list: func(ctx context.Context, c *call) (map[string]string, error) {
		out, err := c.sfn.ListTagsForResource(ctx, &sfn.ListTagsForResourceInput{ResourceArn: &c.id})
		if err != nil {
			return nil, err
		}
		return tagMap(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
	},
	tag: func(ctx context.Context, c *call, tags map[string]string) error {
		_, err := c.sfn.TagResource(ctx, &sfn.TagResourceInput{ResourceArn: &c.id, Tags: tagList(tags, statesTag)})
		return err
	},
	untag: func(ctx context.Context, c *call, keys []string) error {
		_, err := c.sfn.UntagResource(ctx, &sfn.UntagResourceInput{ResourceArn: &c.id, TagKeys: keys})
		return err
	},
}
