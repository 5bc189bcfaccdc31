package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/crossfade-dev/crossfade/cli/view"
)

// A format is how data is printed.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
)

// Set reads the value of -o.
func (f *format) Set(s string) error {
	switch format(s) {
	case formatTable, formatJSON, formatYAML:
		*f = format(s)
		return nil
	default:
		return fmt.Errorf("want table, json or yaml")
	}
}

// String is the value as it is typed.
func (f *format) String() string { return string(*f) }

// Type names the value in the help.
func (f *format) Type() string { return "format" }

// outputFlag adds -o.
func outputFlag(cmd *cobra.Command, f *format) {
	*f = formatTable
	cmd.Flags().VarP(f, "output", "o", "table, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
}

// print writes data in the format that was asked for; lines draw it for people.
func (env *Env) print(f format, data any, lines func() []string) error {
	var text string
	switch f {
	case formatJSON:
		b, err := json.MarshalIndent(data, "", "  ")
		if err != nil {
			return err
		}
		text = string(b) + "\n"
	case formatYAML:
		b, err := asYAML(data)
		if err != nil {
			return err
		}
		text = string(b)
	case formatTable:
		text = strings.Join(lines(), "\n")
		if text != "" {
			text += "\n"
		}
	default:
		panic("unknown format " + f)
	}
	_, err := fmt.Fprint(env.Stdout, text)
	return err
}

// asYAML writes the same document as JSON would be, names and order included.
func asYAML(data any) ([]byte, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(b, &node); err != nil { // JSON is YAML
		return nil, err
	}
	block(&node)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(&node); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// block takes away the braces and quotes that came from JSON. Words that older
// readers of YAML take for true or false keep their quotes.
func block(n *yaml.Node) {
	n.Style = 0
	switch strings.ToLower(n.Value) {
	case "y", "n", "yes", "no", "on", "off":
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		block(c)
	}
}

// plural writes a number with its noun: 1 check, 2 checks.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return view.Count(n) + " " + noun + "s"
}
