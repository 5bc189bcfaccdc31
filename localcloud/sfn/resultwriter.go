package sfn

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
)

// maxResultFile is about how many bytes go into one file of results.
//
// Source: Step Functions Developer Guide, "ResultWriter (Map)": 5 GB. Here less
// fits into memory at once.
const maxResultFile = 16 << 20

// writeResults writes what became of the children of a Map run: files by how they
// ended, and a manifest that names the files.
//
// Source: Step Functions Developer Guide, "ResultWriter (Map)".
func (s *Service) writeResults(ctx context.Context, c machine.CallTask) (jsonvalue.Value, error) {
	bucket, prefix := text(c.Input, "Bucket"), text(c.Input, "Prefix")
	if prefix != "" {
		prefix = strings.TrimSuffix(prefix, "/") + "/"
	}
	folder := prefix + c.Map.RunARN[strings.LastIndexByte(c.Map.RunARN, ':')+1:] + "/"
	format, err := resultFormatOf(c.Map.Config)
	if err != nil {
		return jsonvalue.Value{}, err
	}
	w := &resultFiles{service: s, ctx: ctx, bucket: bucket, folder: folder, format: format}
	groups := []jsonvalue.Member{}
	for _, status := range []machine.Status{machine.StatusFailed, "PENDING", machine.StatusSucceeded} {
		files, err := w.write(string(status), c.Map.Children)
		if err != nil {
			return jsonvalue.Value{}, err
		}
		groups = append(groups, jsonvalue.Member{Key: string(status), Value: files})
	}
	manifest := jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "DestinationBucket", Value: jsonvalue.String(bucket)},
		jsonvalue.Member{Key: "MapRunArn", Value: jsonvalue.String(c.Map.RunARN)},
		jsonvalue.Member{Key: "ResultFiles", Value: jsonvalue.ObjectOf(groups...)},
	)
	key := folder + "manifest.json"
	if err := s.objects.Put(ctx, bucket, key, "application/json", manifest.AppendJSON(nil)); err != nil {
		return jsonvalue.Value{}, err
	}
	return jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "Bucket", Value: jsonvalue.String(bucket)},
		jsonvalue.Member{Key: "Key", Value: jsonvalue.String(key)},
	), nil
}

// A resultFormat is what a WriterConfig says.
type resultFormat struct {
	compact bool // outputs only
	flatten bool // outputs only, the elements of those that are arrays
	lines   bool // JSONL
}

func resultFormatOf(config jsonvalue.Value) (resultFormat, error) {
	var f resultFormat
	switch t := text(config, "Transformation"); t {
	case "", "NONE":
	case "COMPACT":
		f.compact = true
	case "FLATTEN":
		f.compact, f.flatten = true, true
	default:
		return f, fmt.Errorf("there is no transformation %s of results", t)
	}
	switch t := text(config, "OutputType"); t {
	case "", "JSON":
	case "JSONL":
		f.lines = true
	default:
		return f, fmt.Errorf("there is no output type %s of results", t)
	}
	return f, nil
}

// entries are what a file shows of a child. One that failed has no output to show
// alone.
func (f resultFormat) entries(c machine.MapChild) []jsonvalue.Value {
	if !f.compact || c.Status != machine.StatusSucceeded {
		return []jsonvalue.Value{shownChild(c)}
	}
	output, err := jsonvalue.Parse(c.Output)
	if err != nil {
		output = jsonvalue.String(c.Output)
	}
	if !f.flatten || output.Kind() != jsonvalue.KindArray {
		return []jsonvalue.Value{output}
	}
	var all []jsonvalue.Value
	for e := range output.Elements() {
		all = append(all, e)
	}
	return all
}

// shownChild is a child execution as files of results show it, with input and
// output as JSON texts.
func shownChild(c machine.MapChild) jsonvalue.Value {
	var b jsonvalue.ObjectBuilder
	set := func(key, value string) { b.Set(key, jsonvalue.String(value)) }
	included := jsonvalue.ObjectOf(jsonvalue.Member{Key: "Included", Value: jsonvalue.Bool(true)})
	if c.Cause != nil {
		set("Cause", *c.Cause)
	}
	if c.Error != nil {
		set("Error", *c.Error)
	}
	set("ExecutionArn", c.ExecutionARN)
	set("Input", c.Input)
	b.Set("InputDetails", included)
	set("Name", c.Name)
	if c.Status == machine.StatusSucceeded {
		set("Output", c.Output)
		b.Set("OutputDetails", included)
	}
	b.Set("RedriveCount", jsonvalue.Int(0))
	set("StartDate", c.StartedAt.UTC().Format("2006-01-02T15:04:05.000Z"))
	set("StateMachineArn", c.StateMachineARN)
	set("Status", string(c.Status))
	set("StopDate", c.StoppedAt.UTC().Format("2006-01-02T15:04:05.000Z"))
	return b.Value()
}

// resultFiles writes the files of one run.
type resultFiles struct {
	service        *Service
	ctx            context.Context
	bucket, folder string
	format         resultFormat
}

// write writes the children that ended with a status, and returns the files as a
// manifest lists them.
func (w *resultFiles) write(status string, children []machine.MapChild) (jsonvalue.Value, error) {
	var files jsonvalue.ArrayBuilder
	var b bytes.Buffer
	extension, kind := "json", "application/json"
	if w.format.lines {
		extension, kind = "jsonl", "application/jsonl"
	}
	flush := func() error {
		if b.Len() == 0 {
			return nil
		}
		if !w.format.lines {
			b.WriteByte(']')
		}
		key := fmt.Sprintf("%s%s_%d.%s", w.folder, status, files.Len(), extension)
		if err := w.service.objects.Put(w.ctx, w.bucket, key, kind, b.Bytes()); err != nil {
			return err
		}
		files.Append(jsonvalue.ObjectOf(
			jsonvalue.Member{Key: "Key", Value: jsonvalue.String(key)},
			jsonvalue.Member{Key: "Size", Value: jsonvalue.Int(int64(b.Len()))},
		))
		b.Reset()
		return nil
	}
	for _, c := range children {
		if string(c.Status) != status {
			continue
		}
		for _, e := range w.format.entries(c) {
			switch {
			case w.format.lines:
			case b.Len() == 0:
				b.WriteByte('[')
			default:
				b.WriteByte(',')
			}
			b.Write(e.AppendJSON(b.AvailableBuffer()))
			if w.format.lines {
				b.WriteByte('\n')
			}
		}
		if b.Len() >= maxResultFile {
			if err := flush(); err != nil {
				return jsonvalue.Value{}, err
			}
		}
	}
	if err := flush(); err != nil {
		return jsonvalue.Value{}, err
	}
	return files.Value(), nil
}
