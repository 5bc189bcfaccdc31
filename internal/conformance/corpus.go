// Package conformance replays cases recorded from real AWS, step by step, and
// compares what a cloud answers with what AWS answered.
//
// The corpus is not part of this repository. [Find] looks for it where
// CROSSFADE_CONFORMANCE says, or beside the repository; tests that need it say
// that they were skipped where it is absent. The comparison follows the corpus's
// own rules: texts are unified with the recorder's tokens, timestamps match any
// time, and everything else has to be the same.
package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrAbsent says that there is no corpus on this machine.
var ErrAbsent = errors.New("the recorded AWS cases are not here: set CROSSFADE_CONFORMANCE to their folder")

// Find returns the corpus's folder: $CROSSFADE_CONFORMANCE, or
// ../shared/conformance as seen from the module's root. ErrAbsent if there is
// none.
func Find() (string, error) {
	if dir := os.Getenv("CROSSFADE_CONFORMANCE"); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
			return "", fmt.Errorf("CROSSFADE_CONFORMANCE=%s: %w", dir, ErrAbsent)
		}
		return dir, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "..", "shared", "conformance")
	if _, err := os.Stat(filepath.Join(dir, "index.json")); errors.Is(err, fs.ErrNotExist) {
		return "", ErrAbsent
	} else if err != nil {
		return "", err
	}
	return dir, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}

// A Case is one recorded script.
type Case struct {
	ID            string   `json:"id"`
	Kind          string   `json:"kind"`
	Provenance    string   `json:"provenance"`
	Recorded      string   `json:"recorded"` // 02-01-2006, 15:04:05
	Services      []string `json:"services"`
	OtherServices []string `json:"other_services"`
	Protocol      string   `json:"protocol"` // json, query, smithy-rpc-v2-cbor; empty: the service's own
	Steps         []Step   `json:"steps"`
	Normalised    []Rule   `json:"normalised"`
}

// Group returns the part of the ID between the family and the case's own name:
// api/sfn_api_aliasing.x → api/sfn_api_aliasing.
func (c Case) Group() string {
	group, _, _ := strings.Cut(c.ID, ".")
	return group
}

// Needs returns every service that the case calls, sorted.
func (c Case) Needs() []string {
	needs := slices.Concat(c.Services, c.OtherServices)
	slices.Sort(needs)
	return slices.Compact(needs)
}

// A Step is a call, a wait, a comparison or a relation.
type Step struct {
	ID        string         `json:"id"`
	Service   string         `json:"service"`
	Operation string         `json:"operation"`
	Params    map[string]any `json:"params"`
	Expect    *Expect        `json:"expect"`
	Retry     bool           `json:"retry"`
	Paginate  bool           `json:"paginate"`
	Client    any            `json:"client"`
	// Background steps that follow each other ran beside those that come after them.
	Background bool `json:"background"`

	Wait string `json:"wait"`
	// What waits are for.
	ExecutionArn           string `json:"executionArn"`
	StateMachineArn        string `json:"stateMachineArn"`
	StateMachineAliasArn   string `json:"stateMachineAliasArn"`
	StateMachineVersionArn string `json:"stateMachineVersionArn"`
	Status                 string `json:"status"`
	FunctionName           string `json:"FunctionName"`
	Function               string `json:"function"`
	Qualifier              string `json:"qualifier"`
	LogGroupName           string `json:"logGroupName"`
	Args                   []any  `json:"args"`
	Seconds                int    `json:"seconds"`

	DeployStack *DeployStack `json:"deploy_stack"`
	DeleteStack string       `json:"delete_stack"` // its name

	Match    any    `json:"match"`
	Actual   any    `json:"actual"`
	Expected any    `json:"expected"`
	Derived  bool   `json:"derived"`
	List     string `json:"list"`

	Check string `json:"check"`
	Left  any    `json:"left"`
	Right any    `json:"right"`
}

// A DeployStack makes a change set, executes it and waits for the stack.
type DeployStack struct {
	StackName    string
	Update       bool `json:"update"`
	Capabilities []string
	Template     string
	Parameters   map[string]any
}

// Expect is what was recorded of an answer: a response or an error.
type Expect struct {
	Response map[string]any `json:"response"`
	Error    *ExpectError   `json:"error"`
	Adjusted []string       `json:"adjusted"`
}

// ExpectError is what was recorded of an error; empty fields were not.
type ExpectError struct {
	Code           string         `json:"code"`
	TypeAnyOf      []string       `json:"type_any_of"`
	Message        *string        `json:"message"`
	MessageMatches string         `json:"message_matches"`
	HTTPStatus     int            `json:"http_status"`
	Fields         map[string]any `json:"fields"`
	ErrorFields    map[string]any `json:"error_fields"`
	ClientSide     bool           `json:"client_side"`
	Validation     *struct {
		Count  int      `json:"count"`
		Errors []string `json:"errors"`
	} `json:"validation_errors"`
}

// A Rule is one normalisation that the recorder made.
type Rule struct {
	Kind     string `json:"kind"` // value, regex, key, jsonpath, preset, function, sorted_list
	Value    string `json:"value"`
	Token    string `json:"token"`
	Pattern  string `json:"pattern"`
	Key      string `json:"key"`
	Path     string `json:"path"`
	Name     string `json:"name"`
	Numbered bool   `json:"numbered"`
}

// Load reads all cases of a family: api, api-cloudwatch, … in the order of
// their IDs. Kinds other than steps are left out.
func Load(dir, family string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, family, "*.json"))
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var c Case
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		if err := dec.Decode(&c); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		if c.Kind == "steps" {
			cases = append(cases, c)
		}
	}
	slices.SortFunc(cases, func(a, b Case) int { return strings.Compare(a.ID, b.ID) })
	return cases, nil
}
