package conformance

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// answers holds what earlier steps answered, by step ID, and the known roots.
type answers struct {
	byStep map[string]any
	now    time.Time
}

var referencePattern = regexp.MustCompile(`@\{([^}]*)\}`)

// resolve replaces the references in v, which is read and not changed. A string
// that is one whole reference takes the value as it is.
func (a *answers) resolve(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if special, ok, err := a.special(v); ok || err != nil {
			return special, err
		}
		out := make(map[string]any, len(v))
		for k, x := range v {
			r, err := a.resolve(x)
			if err != nil {
				return nil, err
			}
			out[k] = r
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			r, err := a.resolve(x)
			if err != nil {
				return nil, err
			}
			out[i] = r
		}
		return out, nil
	case string:
		return a.resolveText(v)
	default:
		return v, nil
	}
}

func (a *answers) resolveText(s string) (any, error) {
	if strings.Contains(s, "<<") {
		return nil, fmt.Errorf("%q could not be known", s)
	}
	if m := referencePattern.FindStringSubmatch(s); m != nil && m[0] == s {
		return a.reference(m[1])
	}
	var first error
	out := referencePattern.ReplaceAllStringFunc(s, func(m string) string {
		v, err := a.reference(m[2 : len(m)-1])
		if err != nil && first == nil {
			first = err
		}
		return text(v)
	})
	return out, first
}

// text prints a value as it stands inside a longer text.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	case json.Number:
		return v.String()
	default:
		b, _ := json.Marshal(v) // values come out of JSON, so they go back
		return string(b)
	}
}

// reference evaluates step.path|operation,argument… .
func (a *answers) reference(ref string) (any, error) {
	parts := strings.Split(ref, "|")
	v, err := a.path(parts[0])
	if err != nil {
		return nil, err
	}
	for _, op := range parts[1:] {
		if v, err = a.operate(v, op); err != nil {
			return nil, fmt.Errorf("@{%s}: %w", ref, err)
		}
	}
	return v, nil
}

// roots are what a case may refer to besides its steps.
func (a *answers) root(name string) (any, bool) {
	if v, ok := a.byStep[name]; ok {
		return v, true
	}
	switch name {
	case "account_id":
		return Account, true
	case "region":
		return Region, true
	case "secondary_account_id":
		return SecondaryAccount, true
	case "secondary_region":
		return SecondaryRegion, true
	case "now":
		return a.now.UTC().Format("2006-01-02T15:04:05.000Z"), true
	}
	return nil, false
}

// Account and Region are where cases are replayed.
const (
	Account = "210987654321"
	Region  = "eu-central-1"

	SecondaryAccount = "321098765432"
	SecondaryRegion  = "eu-west-1"
)

func (a *answers) path(path string) (any, error) {
	if kind, ok := strings.CutPrefix(path, "role."); ok {
		return "arn:aws:iam::" + Account + ":role/" + strings.ReplaceAll(kind, "_", "-") + "-role", nil
	}
	end := strings.IndexAny(path, ".[")
	if end < 0 {
		end = len(path)
	}
	v, ok := a.root(path[:end])
	if !ok {
		return nil, fmt.Errorf("@{%s}: nothing is known of %q", path, path[:end])
	}
	return walk(v, path[end:])
}

// walk follows .name, ["any name"], [n], [-n] and [*].
func walk(v any, path string) (any, error) {
	for path != "" {
		var key string
		switch {
		case strings.HasPrefix(path, ".$full"):
			path = path[len(".$full"):]
			if merged, ok := v.(map[string]any); ok {
				merged = maps.Clone(merged)
				delete(merged, "ResponseMetadata") // every page had its own
				v = merged
			}
			continue
		case strings.HasPrefix(path, `["`):
			end := strings.Index(path, `"]`)
			if end < 0 {
				return nil, fmt.Errorf("path %q does not end", path)
			}
			key, path = path[2:end], path[end+2:]
		case strings.HasPrefix(path, "[*]"):
			list, ok := v.([]any)
			if merged, isObject := v.(map[string]any); isObject {
				list, ok = []any{merged}, true // all pages of a paginated step in one
			}
			if !ok {
				return nil, fmt.Errorf("[*] on %T", v)
			}
			var out []any
			for _, x := range list {
				r, err := walk(x, path[3:])
				if err != nil {
					return nil, err
				}
				if inner, ok := r.([]any); ok {
					out = append(out, inner...)
				} else {
					out = append(out, r)
				}
			}
			return out, nil
		case path[0] == '[':
			end := strings.IndexByte(path, ']')
			n, err := strconv.Atoi(path[1:max(end, 1)])
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", path, err)
			}
			list, ok := v.([]any)
			if n < 0 {
				n += len(list)
			}
			if !ok || n < 0 || n >= len(list) {
				return nil, fmt.Errorf("path %q: the list has %d elements", path, len(list))
			}
			v, path = list[n], path[end+1:]
			continue
		default:
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			key, path = path[:end], path[end:]
		}
		object, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("no member %q in %T", key, v)
		}
		next, ok := object[key]
		if !ok {
			return nil, fmt.Errorf("no member %q", key)
		}
		v = next
	}
	return v, nil
}

func (a *answers) operate(v any, op string) (any, error) {
	name, path := op, ""
	if i := strings.IndexAny(op, ".["); i > 0 && strings.HasPrefix(op, "json") {
		name, path = op[:i], op[i:]
	}
	fields := strings.Split(name, ",")
	args := make([]string, len(fields)-1)
	for i, f := range fields[1:] {
		arg, err := url.PathUnescape(f)
		if err != nil {
			return nil, err
		}
		if ref, ok := strings.CutPrefix(arg, "@"); ok {
			other, err := a.path(ref)
			if err != nil {
				return nil, err
			}
			arg = text(other)
		}
		args[i] = arg
	}
	number := func(i int) (int, error) {
		if i >= len(args) {
			return 0, fmt.Errorf("%s wants %d arguments", fields[0], i+1)
		}
		return strconv.Atoi(args[i])
	}
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch fields[0] {
	case "len":
		switch v := v.(type) {
		case []any:
			return json.Number(strconv.Itoa(len(v))), nil
		case map[string]any:
			return json.Number(strconv.Itoa(len(v))), nil
		default:
			return json.Number(strconv.Itoa(len(text(v)))), nil
		}
	case "json":
		var out any
		dec := json.NewDecoder(strings.NewReader(text(v)))
		dec.UseNumber()
		if err := dec.Decode(&out); err != nil {
			return nil, err
		}
		return walk(out, path)
	case "tojson":
		b, err := json.Marshal(v)
		return string(b), err
	case "replace":
		return strings.ReplaceAll(text(v), arg(0), arg(1)), nil
	case "split":
		n, err := number(1)
		parts := strings.Split(text(v), arg(0))
		if n < 0 {
			n += len(parts)
		}
		if err != nil || n < 0 || n >= len(parts) {
			return nil, fmt.Errorf("split: part %s of %d", arg(1), len(parts))
		}
		return parts[n], nil
	case "after":
		_, after, _ := strings.Cut(text(v), arg(0))
		return after, nil
	case "before":
		before, _, _ := strings.Cut(text(v), arg(0))
		return before, nil
	case "after-last":
		s := text(v)
		return s[strings.LastIndex(s, arg(0))+len(arg(0)):], nil
	case "before-last":
		s := text(v)
		return s[:max(strings.LastIndex(s, arg(0)), 0)], nil
	case "slice":
		return slice(v, args)
	case "add", "sub":
		n, err := number(0)
		if err != nil {
			return nil, err
		}
		x, err := strconv.Atoi(text(v))
		if fields[0] == "sub" {
			n = -n
		}
		return json.Number(strconv.Itoa(x + n)), err
	case "plus":
		seconds, err := number(0)
		if err != nil {
			return nil, err
		}
		t, err := time.Parse(time.RFC3339, text(v))
		return t.Add(time.Duration(seconds) * time.Second).Format("2006-01-02T15:04:05.000Z07:00"), err
	case "iso":
		digits, err := number(0)
		if err != nil {
			return nil, err
		}
		t, err := time.Parse(time.RFC3339, text(v))
		layout := "2006-01-02T15:04:05"
		if digits > 0 {
			layout += "." + strings.Repeat("0", digits)
		}
		return t.UTC().Format(layout) + arg(1), err
	case "b64decode":
		b, err := base64.StdEncoding.DecodeString(text(v))
		return string(b), err
	}
	return nil, fmt.Errorf("operation %q is not one of the corpus's", fields[0])
}

func slice(v any, args []string) (any, error) {
	bound := func(i, length, otherwise int) int {
		if i >= len(args) || args[i] == "" || args[i] == "None" {
			return otherwise
		}
		n, err := strconv.Atoi(args[i])
		if err != nil {
			return otherwise
		}
		if n < 0 {
			n += length
		}
		return min(max(n, 0), length)
	}
	switch v := v.(type) {
	case []any:
		from, to := bound(0, len(v), 0), bound(1, len(v), len(v))
		return v[from:max(from, to)], nil
	case string:
		from, to := bound(0, len(v), 0), bound(1, len(v), len(v))
		return v[from:max(from, to)], nil
	}
	return nil, fmt.Errorf("slice of %T", v)
}

// zip returns an archive of files, which is the same for the same files.
func (a *answers) zip(files map[string]any) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content, err := a.resolve(files[name])
		if err != nil {
			return nil, err
		}
		header := &zip.FileHeader{Name: name, Method: zip.Deflate}
		header.SetMode(0o755)
		f, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		raw := []byte(text(content))
		if special, _ := files[name].(map[string]any); special != nil && special["$concat"] == nil {
			if raw, err = base64.StdEncoding.DecodeString(text(content)); err != nil {
				return nil, err
			}
		}
		if _, err := f.Write(raw); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// special evaluates {"$time": …} and the like. ok is false for plain objects.
func (a *answers) special(v map[string]any) (value any, ok bool, err error) {
	if len(v) != 1 {
		return nil, false, nil
	}
	for kind, x := range v {
		switch kind {
		case "$time":
			spec, _ := x.(map[string]any)
			n, _ := spec["now_plus_seconds"].(json.Number)
			seconds, err := n.Float64()
			if err != nil {
				return nil, true, fmt.Errorf("$time: %w", err)
			}
			return a.now.Add(time.Duration(seconds * float64(time.Second))).UTC().Format(time.RFC3339Nano), true, nil
		case "$concat":
			var b strings.Builder
			parts, _ := x.([]any)
			for _, p := range parts {
				switch p := p.(type) {
				case map[string]any:
					times, _ := p["times"].(json.Number)
					n, _ := times.Int64()
					b.WriteString(strings.Repeat(text(p["repeat"]), int(n)))
				default:
					r, err := a.resolve(p)
					if err != nil {
						return nil, true, err
					}
					b.WriteString(text(r))
				}
			}
			return b.String(), true, nil
		case "$bytes":
			r, err := a.resolve(x)
			return base64.StdEncoding.EncodeToString([]byte(text(r))), true, err
		case "$zip":
			files, _ := x.(map[string]any)
			archive, err := a.zip(files)
			return base64.StdEncoding.EncodeToString(archive), true, err
		case "$base64":
			return x, true, nil
		}
	}
	return nil, false, nil
}
