package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// An Answer is what a cloud said to one call.
type Answer struct {
	// Response is the answer with the member names of the model; numbers are
	// json.Number, timestamps numbers or texts.
	Response map[string]any
	// Error is set when the call failed.
	Error *Error
	// Status is the HTTP status; zero when nothing was sent. Headers are the
	// answer's, their names in lower case.
	Status  int
	Headers map[string]any
}

// An Error is how a client saw a call fail.
type Error struct {
	Code, Message string
	// ClientSide: the client refused before anything was sent.
	ClientSide bool
}

// A Caller calls operations of a cloud.
type Caller interface {
	Call(ctx context.Context, service, operation, protocol string, params map[string]any) (Answer, error)
	// Pass lets time pass in the cloud.
	Pass(ctx context.Context, d time.Duration) error
	// Now is the cloud's time.
	Now() time.Time
}

// A Traveller is a Caller that can call from another account or region.
type Traveller interface {
	CallFrom(ctx context.Context, account, region, service, operation, protocol string, params map[string]any) (Answer, error)
}

// A Sleeper is a Caller in whose cloud time can pass as fast as outside of it, as
// steps that run beside each other need it.
type Sleeper interface {
	Sleep(ctx context.Context, d time.Duration) error
}

// polls is how often a wait or a retried step looks, a second apart.
const polls = 180

// Replay runs a case and returns nil if the cloud answered as AWS did, and
// otherwise an error that tells the first difference.
func Replay(ctx context.Context, c Case, caller Caller) error {
	a := &answers{byStep: map[string]any{}, now: caller.Now()}
	u := newUnifier(c, a)
	r := &replayer{c: c, caller: caller, answers: a, unifier: u}
	if len(c.Steps) > 0 {
		// What another account calls is made first.
		a.other, _, _ = r.credentials(&c.Steps[0])
	}
	if err := r.script(ctx, c.Steps); err != nil {
		return err
	}
	// Values that only later steps made known stand in earlier answers too, so
	// everything is compared (again) at the end.
	r.unifier = newUnifier(c, a)
	for _, o := range r.observed {
		if d := r.compare(o.step, o.answer); d != "" {
			return fmt.Errorf("%s: %s", stepName(o.step), d)
		}
	}
	return nil
}

// script runs steps in their order, those in the background beside the rest.
func (r *replayer) script(ctx context.Context, steps []Step) error {
	var background errgroup.Group
	for i := 0; i < len(steps); {
		if !steps[i].Background {
			if err := r.alone(ctx, steps[i:i+1]); err != nil {
				return err
			}
			i++
			continue
		}
		end := i + 1
		for end < len(steps) && steps[end].Background {
			end++
		}
		beside := steps[i:end]
		i, r.beside = end, true
		background.Go(func() error { return r.alone(ctx, beside) })
	}
	return background.Wait()
}

// alone runs steps while nobody else reads or writes what is known, but for the
// time that the cloud takes for them.
func (r *replayer) alone(ctx context.Context, steps []Step) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range steps {
		if err := r.step(ctx, &steps[i]); err != nil {
			return fmt.Errorf("%s: %w", stepName(&steps[i]), err)
		}
	}
	return nil
}

// pass lets a second pass in the cloud.
func (r *replayer) pass(ctx context.Context) error {
	r.mu.Unlock()
	defer r.mu.Lock()
	return r.caller.Pass(ctx, time.Second)
}

func stepName(s *Step) string {
	switch {
	case s.Operation != "":
		return s.ID + " " + s.Operation
	case s.DeployStack != nil:
		return s.ID + " deploy stack"
	case s.DeleteStack != "":
		return s.ID + " delete stack"
	case s.Wait != "":
		return s.ID + " wait " + s.Wait
	case s.Check != "":
		return "check " + s.Check
	}
	return fmt.Sprintf("match %v", s.Match)
}

type replayer struct {
	c      Case
	caller Caller
	beside bool // some steps ran beside others

	mu       sync.Mutex // guards the rest; held but for calls
	answers  *answers
	unifier  *unifier
	observed []observation
}

type observation struct {
	step   *Step
	answer Answer
}

func (r *replayer) step(ctx context.Context, s *Step) error {
	switch {
	case s.Operation != "":
		return r.call(ctx, s)
	case s.DeployStack != nil:
		return r.deployStack(ctx, s)
	case s.DeleteStack != "":
		return r.deleteStack(ctx, s)
	case s.Wait != "":
		return r.wait(ctx, s)
	case s.Check != "":
		return r.check(s)
	case s.Match != nil:
		return r.match(s)
	}
	return fmt.Errorf("a step of a form that is not known")
}

func (r *replayer) call(ctx context.Context, s *Step) error {
	account, region, err := r.credentials(s)
	if err != nil {
		return err
	}
	params, err := r.answers.resolve(any(s.Params))
	if err != nil {
		return err
	}
	input, _ := params.(map[string]any)
	for try := 0; ; try++ {
		answer, err := r.pages(ctx, s, account, region, input)
		if err != nil {
			return err
		}
		difference := ""
		if s.Retry && s.Expect != nil {
			r.unifier = newUnifier(r.c, r.answers)
			difference = r.compare(s, answer)
		}
		if difference != "" && try < polls {
			if err := r.between(ctx, s, try); err != nil {
				return err
			}
			continue
		}
		if s.Retry && s.Expect == nil && try < polls && !r.checksHold(s, answer) {
			if err := r.between(ctx, s, try); err != nil {
				return err
			}
			continue
		}
		r.remember(s, answer)
		if s.Expect == nil && answer.Error != nil {
			return fmt.Errorf("want success, got %s: %s", answer.Error.Code, answer.Error.Message)
		}
		if s.Expect != nil {
			r.observed = append(r.observed, observation{s, answer})
		}
		return nil
	}
}

// credentials returns the account and the region that a step is called from.
func (r *replayer) credentials(s *Step) (account, region string, err error) {
	client, _ := s.Client.(string)
	_, travels := r.caller.(Traveller)
	where, isRegion := strings.CutPrefix(client, "region:")
	switch {
	case s.Client == nil:
		return Account, Region, nil
	case travels && isRegion:
		v, err := r.answers.resolveText(where)
		return Account, text(v), err
	case travels && client == "secondary_account":
		return SecondaryAccount, Region, nil
	}
	return "", "", fmt.Errorf("calls with other credentials are not replayed")
}

// pageTokens are the members by which an answer leads to the next page, and
// those that take them.
var pageTokens = map[string]string{"NextMarker": "Marker", "NextToken": "NextToken", "nextToken": "nextToken"}

// pages calls an operation; of a paginated one it calls every page, and returns
// their lists joined.
func (r *replayer) pages(ctx context.Context, s *Step, account, region string, input map[string]any) (Answer, error) {
	call := func(in map[string]any) (Answer, error) {
		r.mu.Unlock()
		defer r.mu.Lock()
		if s.Client != nil {
			return r.caller.(Traveller).CallFrom(ctx, account, region, s.Service, s.Operation, r.c.Protocol, in)
		}
		return r.caller.Call(ctx, s.Service, s.Operation, r.c.Protocol, in)
	}
	if !s.Paginate {
		return call(input)
	}
	in := maps.Clone(input)
	if config, ok := in["PaginationConfig"].(map[string]any); ok {
		delete(in, "PaginationConfig")
		if size, ok := config["PageSize"]; ok && s.Service == "lambda" {
			in["MaxItems"] = size
		}
	}
	all, err := call(in)
	for page := all; err == nil && page.Error == nil; {
		more := false
		for out, token := range pageTokens {
			if v, ok := page.Response[out]; ok {
				in[token], more = v, true
				delete(all.Response, out)
			}
		}
		if !more {
			break
		}
		if page, err = call(in); err != nil || page.Error != nil {
			return page, err
		}
		for k, v := range page.Response {
			if list, ok := v.([]any); ok {
				before, _ := all.Response[k].([]any)
				all.Response[k] = slices.Concat(before, list)
			}
		}
	}
	return all, err
}

// checksHold tries the relations that follow a step which is to be polled and
// whose answer was not recorded.
func (r *replayer) checksHold(s *Step, answer Answer) bool {
	r.remember(s, answer)
	if s.Operation == "DescribeExecution" && text(answer.Response["status"]) == "RUNNING" {
		return false // every case that polls an execution waits for its end
	}
	from := slices.IndexFunc(r.c.Steps, func(o Step) bool { return o.ID != "" && o.ID == s.ID })
	for i := from + 1; i < len(r.c.Steps) && (r.c.Steps[i].Check != "" || r.c.Steps[i].Match != nil); i++ {
		if r.step(context.Background(), &r.c.Steps[i]) != nil {
			return false
		}
	}
	return true
}

func (r *replayer) remember(s *Step, answer Answer) {
	if answer.Error != nil {
		failed := map[string]any{"Code": answer.Error.Code, "Message": answer.Error.Message}
		r.answers.byStep[s.ID] = map[string]any{"$error": map[string]any{
			"Code": answer.Error.Code, "Message": answer.Error.Message, "Error": failed,
		}}
		return
	}
	seen := map[string]any{"ResponseMetadata": map[string]any{
		"HTTPStatusCode": json.Number(strconv.Itoa(answer.Status)), "HTTPHeaders": answer.Headers,
	}}
	for k, v := range answer.Response {
		seen[k] = v
	}
	r.answers.byStep[s.ID] = seen
}

// compare returns the first difference between a recording and an answer.
func (r *replayer) compare(s *Step, answer Answer) string {
	e := s.Expect
	if e.Error != nil {
		return r.compareError(e.Error, answer)
	}
	if answer.Error != nil {
		return fmt.Sprintf("want success, got %s: %s", answer.Error.Code, answer.Error.Message)
	}
	want := make(map[string]any, len(e.Response))
	for k, v := range e.Response {
		if k != "ResponseMetadata" {
			want[k] = v
		}
	}
	if m, ok := e.Response["ResponseMetadata"].(map[string]any); ok {
		if status := text(m["HTTPStatusCode"]); status != "" && status != fmt.Sprint(answer.Status) {
			return fmt.Sprintf("want HTTP status %s, got %d", status, answer.Status)
		}
	}
	got := make(map[string]any, len(answer.Response))
	for k, v := range answer.Response {
		if k != "ResponseMetadata" {
			got[k] = v
		}
	}
	for _, k := range e.Adjusted {
		list, _ := want[k].([]any)
		all, _ := got[k].([]any)
		if object, ok := got[k].(map[string]any); ok { // recorded was what members it has
			for name := range object {
				all = append(all, name)
			}
		}
		if d := r.contains(k, list, all); d != "" {
			return d
		}
		delete(want, k)
		delete(got, k)
	}
	return r.unifier.unify("", "", want, got)
}

// contains: every recorded element occurs in the answer, in any order.
func (r *replayer) contains(path string, want, got []any) string {
	for i, w := range want {
		if !slices.ContainsFunc(got, func(g any) bool {
			try := r.unifier.clone()
			return try.unify("", "", w, g) == ""
		}) {
			return fmt.Sprintf("%s[%d]: nothing in the answer is like %s", path, i, short(w))
		}
	}
	return ""
}

func (r *replayer) compareError(want *ExpectError, answer Answer) string {
	if answer.Error == nil {
		return fmt.Sprintf("want the error %s, got %s", want.Code, short(answer.Response))
	}
	if want.ClientSide || answer.Error.ClientSide {
		return "" // another SDK may see another text
	}
	if len(want.TypeAnyOf) > 0 && !slices.Contains(want.TypeAnyOf, answer.Error.Code) {
		return fmt.Sprintf("want one of the errors %v, got %s: %s", want.TypeAnyOf, answer.Error.Code, answer.Error.Message)
	}
	if want.Code != "" && want.Code != answer.Error.Code {
		return fmt.Sprintf("want the error %s, got %s: %s", want.Code, answer.Error.Code, answer.Error.Message)
	}
	if want.HTTPStatus != 0 && want.HTTPStatus != answer.Status {
		return fmt.Sprintf("want HTTP status %d, got %d", want.HTTPStatus, answer.Status)
	}
	if v := want.Validation; v != nil {
		return r.compareValidation(v.Count, v.Errors, answer.Error.Message)
	}
	if want.MessageMatches != "" {
		re, err := regexp.Compile(want.MessageMatches)
		// SDKs show the code in front of the message.
		if err != nil || !re.MatchString(answer.Error.Code+": "+answer.Error.Message) {
			return fmt.Sprintf("want a message like %q, got %q", want.MessageMatches, answer.Error.Message)
		}
		return ""
	}
	if want.Message != nil && !r.unifier.unifyText(*want.Message, answer.Error.Message) {
		return fmt.Sprintf("want the message %q, got %q", *want.Message, answer.Error.Message)
	}
	return ""
}

// compareValidation compares messages whose parts AWS gives in any order.
func (r *replayer) compareValidation(count int, parts []string, message string) string {
	head, rest, ok := strings.Cut(message, " detected: ")
	if !ok || !strings.HasPrefix(head, fmt.Sprint(count)+" validation error") {
		return fmt.Sprintf("want %d validation errors, got %q", count, message)
	}
	for _, part := range parts {
		found := strings.Contains(rest, part)
		for _, g := range strings.Split(rest, "; ") {
			found = found || r.unifier.unifyText(part, g)
		}
		if !found {
			return fmt.Sprintf("want the validation error %q, got %q", part, rest)
		}
	}
	return ""
}

func (r *replayer) match(s *Step) error {
	if s.Derived || s.Actual == nil {
		return nil // recorded from something that a case cannot express
	}
	u := newUnifier(r.c, r.answers)
	actual, err := r.answers.resolve(comprehended(s.Expected, s.Actual))
	if err != nil {
		return err
	}
	actual = lines(s.Expected, chosen(u, s.Expected, s.Actual, actual))
	if strings.HasPrefix(s.List, "filtered") {
		want, _ := s.Expected.([]any)
		got, _ := actual.([]any)
		try := &replayer{unifier: u}
		if d := try.contains("", want, got); d != "" {
			return fmt.Errorf("%s", d)
		}
		return nil
	}
	if d := u.unify("", "", s.Expected, actual); d != "" && !r.among(s) {
		return fmt.Errorf("%s", d)
	}
	return nil
}

// among: the first log entry in a case is the first of those that the source chose,
// by a condition that is not in the case.
func (r *replayer) among(s *Step) bool {
	ref, _ := s.Actual.(string)
	if !strings.HasSuffix(ref, ".events[0].message}") {
		return false
	}
	all, err := r.answers.resolve(strings.Replace(ref, ".events[0]", ".events[*]", 1))
	list, _ := all.([]any)
	return err == nil && slices.ContainsFunc(list, func(v any) bool {
		return newUnifier(r.c, r.answers).unify("", "", s.Expected, v) == ""
	})
}

// comprehended returns actual with what a source made by going through a list, of
// which a case shows the first element alone, as a reference to all of them.
func comprehended(want, actual any) any {
	switch want := want.(type) {
	case map[string]any:
		object, ok := actual.(map[string]any)
		if !ok {
			return actual
		}
		out := maps.Clone(object)
		for k, w := range want {
			if v, ok := out[k]; ok {
				out[k] = comprehended(w, v)
			}
		}
		return out
	case []any:
		if ref, ok := isComprehension(want, actual); ok {
			return strings.ReplaceAll(ref, "[0]", "[*]")
		}
	}
	return actual
}

func isComprehension(want []any, actual any) (ref string, ok bool) {
	list, _ := actual.([]any)
	if len(list) != 1 || len(want) < 2 {
		return "", false
	}
	ref, _ = list[0].(string)
	m := referencePattern.FindString(ref)
	return ref, m != "" && m == ref && strings.Contains(ref, "[0]")
}

// chosen leaves of such lists the elements that the source chose, by a condition
// that is not in the case: those that were recorded, in their order.
func chosen(u *unifier, want, reference, got any) any {
	switch want := want.(type) {
	case map[string]any:
		object, isObject := got.(map[string]any)
		references, ok := reference.(map[string]any)
		if !isObject || !ok {
			return got
		}
		out := maps.Clone(object)
		for k, w := range want {
			if g, ok := out[k]; ok {
				out[k] = chosen(u, w, references[k], g)
			}
		}
		return out
	case []any:
		if _, ok := isComprehension(want, reference); !ok {
			return got
		}
		all, _ := got.([]any)
		var out []any
		try := u.clone()
		for _, g := range all {
			if s, ok := g.(string); ok {
				g = strings.TrimRight(s, "\t\n")
			}
			if len(out) < len(want) && try.unify("", "", want[len(out)], g) == "" {
				out = append(out, g)
			}
		}
		if len(out) == len(want) {
			return out
		}
	}
	return got
}

// lines splits a text into lines where a list of lines was recorded: sources that
// split it before they recorded it left only the text in the case.
func lines(want, got any) any {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return got
		}
		out := maps.Clone(object)
		for k, w := range want {
			if g, ok := out[k]; ok {
				out[k] = lines(w, g)
			}
		}
		return out
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != 1 || len(want) < 2 {
			return got
		}
		whole, ok := list[0].(string)
		first, isText := want[0].(string)
		if !ok || !isText {
			return got
		}
		var out []any
		for line := range strings.Lines(whole) {
			if !strings.HasSuffix(first, "\n") {
				line = strings.TrimRight(line, "\t\n")
			}
			out = append(out, line)
		}
		return out
	}
	return got
}

func (r *replayer) check(s *Step) error {
	left, err := r.answers.resolve(s.Left)
	if err != nil {
		return err
	}
	right, err := r.answers.resolve(s.Right)
	if err != nil {
		return err
	}
	right = principal(s.Right, right)
	holds := false
	switch s.Check {
	case "==":
		holds = equal(left, right)
	case "!=":
		holds = !equal(left, right)
	case ">":
		holds = number(left) > number(right)
	case ">=":
		holds = number(left) >= number(right)
	case "<":
		holds = number(left) < number(right)
	case "in", "not in":
		holds = within(left, right) == (s.Check == "in")
	case "truthy":
		holds = truthy(left)
	default:
		return fmt.Errorf("relation %q is not one of the corpus's", s.Check)
	}
	if !holds {
		return fmt.Errorf("%s %s %s does not hold", short(left), s.Check, short(right))
	}
	return nil
}

// principal returns whom a policy names. IAM's grammar has two ways to write a
// principal, as a text and as an object from its kind to the text; a relation that
// was noted of one is about the text.
func principal(reference, v any) any {
	if ref, ok := reference.(string); !ok || !strings.HasSuffix(ref, ".Principal}") {
		return v
	}
	if object, ok := v.(map[string]any); ok && len(object) == 1 {
		for _, name := range object {
			return name
		}
	}
	return v
}

func equal(a, b any) bool {
	if x, ok := a.(json.Number); ok {
		if y, ok := b.(json.Number); ok {
			return number(x) == number(y)
		}
	}
	if list, ok := a.([]any); ok {
		other, ok := b.([]any)
		return ok && slices.EqualFunc(list, other, equal)
	}
	if object, ok := a.(map[string]any); ok {
		other, ok := b.(map[string]any)
		if !ok || len(object) != len(other) {
			return false
		}
		for k, v := range object {
			w, ok := other[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	}
	if _, ok := b.([]any); ok {
		return false
	}
	if _, ok := b.(map[string]any); ok {
		return false
	}
	return a == b
}

func number(v any) float64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	f, err := n.Float64()
	if err != nil {
		return 0
	}
	return f
}

func within(x, in any) bool {
	switch in := in.(type) {
	case []any:
		return slices.ContainsFunc(in, func(e any) bool { return equal(x, e) })
	case map[string]any:
		_, ok := in[text(x)]
		return ok
	default:
		return strings.Contains(text(in), text(x))
	}
}

func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case json.Number:
		return number(v) != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}
