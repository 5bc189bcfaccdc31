package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/crossfade-dev/crossfade/localcloud/cloudformation/template"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/cloudformationapi"
)

// maxBody is the length of the longest template that is not in S3, in bytes.
const maxBody = 51_200

// A deployment is all that a stack is made of: a template with its values. It
// never changes.
type deployment struct {
	Number           int               `json:"number"`
	Template         string            `json:"template"`
	Parameters       map[string]string `json:"parameters,omitempty"`
	TagList          []tag             `json:"tags,omitempty"`
	Capabilities     []string          `json:"capabilities,omitempty"`
	NotificationARNs []string          `json:"notificationArns,omitempty"`
	RoleARN          string            `json:"roleArn,omitempty"`
	// During is the stack policy for this deployment alone.
	During   string                 `json:"during,omitempty"`
	Triggers *rollbackConfiguration `json:"triggers,omitempty"`
	// Lenient is what Config.Lenient was when the deployment was made.
	Lenient bool `json:"lenient,omitempty"`

	parsed *template.Template // as written
	bound  *template.Bound    // after transforms
}

// A tag is one of a stack.
type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (d *deployment) tags() map[string]string {
	if len(d.TagList) == 0 {
		return nil
	}
	out := make(map[string]string, len(d.TagList))
	for _, t := range d.TagList {
		out[t.Key] = t.Value
	}
	return out
}

// processed is the template after its transforms, as JSON.
func (d *deployment) processed() string { return string(d.bound.Body.AppendJSON(nil)) }

// bind reads the template and joins it with its values. The error is a
// *template.Error.
func (s *Service) bind(e *entity, d *deployment) error {
	in := template.Inputs{
		Parameters: d.Parameters, Region: e.place.Region, AccountID: e.place.Account, Partition: e.place.Partition,
		StackID: e.id, StackName: e.name, NotificationARNs: d.NotificationARNs,
	}
	if d.Lenient {
		in.Stored, in.KeepDynamic = func(name string) (string, bool) { return name, true }, true
	}
	var err error
	if d.parsed, err = template.Parse(d.Template); err != nil {
		return err
	}
	processed, err := template.Process(d.parsed, in, s.config.Serverless)
	if err != nil {
		return err
	}
	if d.bound, err = processed.Bind(in); err != nil {
		return err
	}
	_, err = d.bound.Order()
	return err
}

// A source is what a request says about the template and its values.
type source struct {
	body, url     *string
	previous      *bool
	parameters    []cloudformationapi.Parameter
	tags          []cloudformationapi.Tag
	tagsGiven     bool
	capabilities  []string
	notifications []string
	role          *string
	triggers      *cloudformationapi.RollbackConfiguration
	// expand says that the request may run transforms without an
	// acknowledgement: a change set shows what they make.
	expand bool
}

// prepare makes the deployment that a request asks for. before is what the stack
// was made of until now; nil for a new stack. The error is a *wire.Error.
func (s *Service) prepare(ctx context.Context, e *entity, from source, before *deployment) (*deployment, error) {
	d := &deployment{
		Capabilities: from.capabilities, NotificationARNs: from.notifications, RoleARN: wire.Value(from.role), Lenient: s.config.Lenient,
	}
	var err error
	if d.Template, err = s.text(ctx, from.body, from.url, wire.Value(from.previous), before); err != nil {
		return nil, err
	}
	parsed, err := template.Parse(d.Template)
	if err != nil {
		return nil, invalid(err)
	}
	if d.Parameters, err = values(parsed, from.parameters, before); err != nil {
		return nil, err
	}
	for _, t := range from.tags {
		if strings.HasPrefix(t.Key, "aws:") {
			return nil, wire.NewValidationError("aws: prefixed tag key names are not allowed for external use.")
		}
		d.TagList = append(d.TagList, tag(t))
	}
	if before != nil {
		// What an update does not mention stays.
		if !from.tagsGiven {
			d.TagList = before.TagList
		}
		if from.notifications == nil {
			d.NotificationARNs = before.NotificationARNs
		}
		if from.role == nil {
			d.RoleARN = before.RoleARN
		}
		d.Triggers = before.Triggers
	}
	if from.triggers != nil {
		if d.Triggers, err = triggersOf(from.triggers); err != nil {
			return nil, err
		}
	}
	if missing := parsed.MissingCapabilities(d.Capabilities); slices.Contains(missing, "CAPABILITY_AUTO_EXPAND") && !from.expand {
		return nil, insufficient([]string{"CAPABILITY_AUTO_EXPAND"})
	}
	if err := s.bind(e, d); err != nil {
		return nil, invalid(err)
	}
	if missing := d.bound.MissingCapabilities(d.Capabilities); len(missing) > 0 {
		return nil, insufficient(missing)
	}
	return d, nil
}

func insufficient(capabilities []string) error {
	return cloudformationapi.NewInsufficientCapabilitiesException("Requires capabilities : [" + strings.Join(capabilities, ", ") + "]")
}

// invalid is the answer to a template with an error: what is wrong, and where.
func invalid(err error) error {
	e := (&template.Error{})
	if !errors.As(err, &e) {
		return wire.NewValidationError(err.Error())
	}
	if e.Line == 0 || strings.Contains(e.Message, "(line ") {
		return wire.NewValidationError(e.Message)
	}
	return wire.NewValidationError(fmt.Sprintf("%s (line %d, column %d)", e.Message, e.Line, e.Column))
}

// text returns the template that a request names.
func (s *Service) text(ctx context.Context, body, address *string, previous bool, before *deployment) (string, error) {
	given := 0
	for _, is := range []bool{body != nil, address != nil, previous} {
		if is {
			given++
		}
	}
	switch {
	case given == 0:
		return "", wire.NewValidationError("Either Template URL or Template Body must be specified.")
	case given > 1:
		return "", wire.NewValidationError("Only one of Template Body, Template URL or Use Previous Template may be specified.")
	case previous && before == nil:
		return "", wire.NewValidationError("The stack has no previous template to use.")
	case previous:
		return before.Template, nil
	case body != nil && len(*body) > maxBody:
		return "", wire.NewValidationError(fmt.Sprintf(
			"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxBody))
	case body != nil:
		return *body, nil
	}
	return s.fetch(ctx, *address)
}

// fetch reads a template out of the local S3. Its own host does not matter:
// clients address the endpoint as they reach it.
func (s *Service) fetch(ctx context.Context, address string) (string, error) {
	bucket, key, version, ok := objectOf(address)
	if !ok || s.config.Objects == nil {
		return "", wire.NewValidationError("TemplateURL must be a supported URL.")
	}
	body, err := s.config.Objects.Get(ctx, bucket, key, version)
	if err != nil {
		return "", wire.NewValidationError(fmt.Sprintf("S3 error: %s (bucket %s, key %s)", wireMessage(err), bucket, key))
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, template.MaxSize+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", address, err)
	}
	if len(text) > template.MaxSize {
		return "", wire.NewValidationError(fmt.Sprintf("Template may not exceed %d bytes in size.", template.MaxSize))
	}
	if !utf8.Valid(text) {
		return "", wire.NewValidationError("Template format error: the template is not UTF-8 text.")
	}
	return string(text), nil
}

// objectOf takes a URL of S3 apart: path-style, as the CLI writes it for the
// endpoint that it talks to, or with the bucket in the host's name.
func objectOf(address string) (bucket, key, version string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "s3" {
		return "", "", "", false
	}
	path := strings.TrimPrefix(u.Path, "/")
	host := u.Hostname()
	name, virtual := "", false
	if at := strings.Index(host, ".s3"); at > 0 && strings.Contains(host, "amazonaws.") {
		name, virtual = host[:at], true
	}
	switch {
	case u.Scheme == "s3":
		bucket, key = host, path
	case virtual:
		bucket, key = name, path
	default:
		bucket, key, _ = strings.Cut(path, "/")
	}
	return bucket, key, u.Query().Get("versionId"), bucket != "" && key != ""
}

// wireMessage is what a service of this cloud says is wrong.
func wireMessage(err error) string {
	if e := (&wire.Error{}); errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	return err.Error()
}

// values returns the values of parameters that a request gives, or takes over
// from before.
func values(t *template.Template, given []cloudformationapi.Parameter, before *deployment) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range given {
		key := wire.Value(p.ParameterKey)
		if !wire.Value(p.UsePreviousValue) {
			out[key] = wire.Value(p.ParameterValue)
			continue
		}
		if before == nil || !hasParameter(before.parsed, key) {
			return nil, wire.NewValidationError(fmt.Sprintf(
				"Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", key))
		}
		if !hasParameter(t, key) {
			out[key] = "" // binding says that there is no such parameter
			continue
		}
		if v, ok := before.Parameters[key]; ok {
			out[key] = v
			continue
		}
		// The value was the default, of the template of then.
		for _, q := range before.parsed.Parameters {
			if q.Name == key && q.HasDefault {
				out[key] = q.Default
			}
		}
	}
	return out, nil
}

func hasParameter(t *template.Template, name string) bool {
	return slices.ContainsFunc(t.Parameters, func(p template.Parameter) bool { return p.Name == name })
}

// shownParameters are a deployment's parameters as answers show them.
func (d *deployment) shownParameters() []cloudformationapi.Parameter {
	var out []cloudformationapi.Parameter
	for _, v := range d.bound.ParameterValues() {
		out = append(out, cloudformationapi.Parameter{ParameterKey: new(v.Name), ParameterValue: new(v.Value), ResolvedValue: wire.Optional(v.Resolved)})
	}
	return out
}

func (d *deployment) shownTags() []cloudformationapi.Tag {
	out := []cloudformationapi.Tag{}
	for _, t := range d.TagList {
		out = append(out, cloudformationapi.Tag(t))
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
