package sfn

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/asl/machine"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// maxDataset bounds a file of items in bytes. Items are part of the execution's
// state, which is kept whole.
const maxDataset = 64 << 20

// serveMap carries out what a distributed Map asks of a bucket. Both reading and
// writing may be repeated, so a call that a restart interrupted is made again.
func (s *Service) serveMap(ctx context.Context, t *task) {
	ctx = wire.WithCaller(ctx, s.callerOf(t))
	var answer jsonvalue.Value
	err := errors.New("the local cloud has no buckets")
	switch {
	case s.objects == nil:
	case t.call.Map.Writes:
		answer, err = s.writeResults(ctx, t.call)
	default:
		answer, err = s.readItems(ctx, t.call)
	}
	if ctx.Err() != nil { // nobody waits, or the service ends
		return
	}
	if err == nil {
		s.report(t, machine.TaskSucceeded{Task: t.id, Output: answer})
		return
	}
	cause := err.Error()
	if e, ok := errors.AsType[*wire.Error](err); ok {
		cause = bucketCause(e, wire.CallerFrom(ctx).RequestID, s.random.UUID())
	}
	s.report(t, machine.TaskFailed{Task: t.id, Cause: &cause})
}

// bucketCause words an error of S3, whose requests have two ids.
//
// Source: recorded.
func bucketCause(e *wire.Error, id, extended string) string {
	return fmt.Sprintf("%s (Service: S3, Status Code: %d, Request ID: %s, Extended Request ID: %s)",
		e.Message, e.HTTPStatus(), id, extended)
}

// text returns a member that is a text, or "".
func text(object jsonvalue.Value, name string) string {
	if v := member(object, name); v.Kind() == jsonvalue.KindString {
		return v.Str()
	}
	return ""
}

// readItems reads the items of a Map.
//
// Source: Step Functions Developer Guide, "ItemReader (Map)".
func (s *Service) readItems(ctx context.Context, c machine.CallTask) (jsonvalue.Value, error) {
	bucket := text(c.Input, "Bucket")
	items := &itemList{most: c.Map.MaxItems}
	if c.Action == "listObjectsV2" {
		err := s.objects.List(ctx, bucket, text(c.Input, "Prefix"), func(o ObjectInfo) bool {
			items.add(listedItem(o))
			return !items.full()
		})
		return items.Value(), err
	}
	body, err := s.objects.Get(ctx, bucket, text(c.Input, "Key"), text(c.Input, "VersionId"))
	if err != nil {
		return jsonvalue.Value{}, err
	}
	defer body.Close()
	if transformation := text(c.Map.Config, "Transformation"); transformation != "" && transformation != "NONE" {
		return jsonvalue.Value{}, fmt.Errorf("the local cloud does not transform items by %s", transformation)
	}
	in := io.Reader(&limited{body, maxDataset})
	switch kind := text(c.Map.Config, "InputType"); kind {
	case "JSON":
		err = items.readJSON(in, text(c.Map.Config, "ItemsPointer"))
	case "JSONL":
		err = items.readLines(in)
	case "CSV":
		err = items.readCSV(in, c.Map.Config)
	default:
		err = fmt.Errorf("the local cloud does not read items of the type %s", kind)
	}
	return items.Value(), err
}

// listedItem is an object as listObjectsV2 shows it to a Map.
//
// Source: recorded. The tag is not spelled as in S3's own answers.
func listedItem(o ObjectInfo) jsonvalue.Value {
	return jsonvalue.ObjectOf(
		jsonvalue.Member{Key: "Etag", Value: jsonvalue.String(o.ETag)},
		jsonvalue.Member{Key: "LastModified", Value: jsonvalue.Int(o.Modified.Unix())},
		jsonvalue.Member{Key: "Key", Value: jsonvalue.String(o.Key)},
		jsonvalue.Member{Key: "Size", Value: jsonvalue.Int(o.Size)},
		jsonvalue.Member{Key: "StorageClass", Value: jsonvalue.String(o.StorageClass)},
	)
}

// An itemList gathers items, at most as many as are wanted.
type itemList struct {
	most int64 // 0 for all
	jsonvalue.ArrayBuilder
}

func (l *itemList) full() bool { return l.most > 0 && int64(l.Len()) >= l.most }

func (l *itemList) add(v jsonvalue.Value) {
	if !l.full() {
		l.Append(v)
	}
}

// limited fails when there is more to read than it allows.
type limited struct {
	in   io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("the local cloud reads at most %d bytes of items", maxDataset)
	}
	return n, err
}

// readJSON takes the elements of an array, which is the document or, with a
// pointer, in it.
func (l *itemList) readJSON(in io.Reader, pointer string) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	v, err := jsonvalue.ParseBytes(withoutMark(b))
	if err != nil {
		return fmt.Errorf("the file of items is not JSON: %w", err)
	}
	if v, err = pointedAt(v, pointer); err != nil {
		return err
	}
	if v.Kind() != jsonvalue.KindArray {
		return errors.New("Attempting to map over non-iterable node.") //nolint:staticcheck // AWS's words
	}
	for e := range v.Elements() {
		if l.full() {
			break
		}
		l.add(e)
	}
	return nil
}

// pointedAt returns what a JSON pointer (RFC 6901) leads to.
func pointedAt(v jsonvalue.Value, pointer string) (jsonvalue.Value, error) {
	if pointer == "" {
		return v, nil
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		next, ok := v.Get(name)
		if !ok {
			return v, fmt.Errorf("the pointer %s leads to nothing in the file of items", pointer)
		}
		v = next
	}
	return v, nil
}

// readLines takes each line that is not blank for an item.
func (l *itemList) readLines(in io.Reader) error {
	lines := bufio.NewReader(in)
	for number := 1; !l.full(); number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			v, err := jsonvalue.ParseBytes(withoutMark(line))
			if err != nil {
				return fmt.Errorf("line %d of the items is not JSON: %w", number, err)
			}
			l.add(v)
		}
		if err == io.EOF {
			break
		}
	}
	return nil
}

// delimiters are the names that ReaderConfig has for what is between columns.
var delimiters = map[string]rune{"": ',', "COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

// readCSV takes each row for an item, an object of texts by header. A row that is
// too short has empty texts at its end, of a longer one the rest is left out.
//
// Source: recorded.
func (l *itemList) readCSV(in io.Reader, config jsonvalue.Value) error {
	delimiter, ok := delimiters[text(config, "CSVDelimiter")]
	if !ok {
		return fmt.Errorf("there is no CSV delimiter %s", text(config, "CSVDelimiter"))
	}
	buffered := bufio.NewReader(in)
	if mark, _ := buffered.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = buffered.Discard(len(mark)) // it was peeked at
	}
	rows := csv.NewReader(buffered)
	rows.Comma, rows.FieldsPerRecord, rows.LazyQuotes = delimiter, -1, true
	var headers []string
	if text(config, "CSVHeaderLocation") == "GIVEN" {
		given, _ := config.Get("CSVHeaders") // none are an empty array
		for h := range given.Elements() {
			headers = append(headers, h.Str())
		}
	} else {
		first, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the file of items is not CSV: %w", err)
		}
		headers = first
	}
	sorted := slices.Sorted(slices.Values(headers))
	if len(slices.Compact(sorted)) != len(headers) {
		return errors.New("CSV headers cannot contain duplicates.") //nolint:staticcheck // AWS's words
	}
	for !l.full() {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("the file of items is not CSV: %w", err)
		}
		var item jsonvalue.ObjectBuilder
		for i, h := range headers {
			value := ""
			if i < len(row) {
				value = row[i]
			}
			item.Set(h, jsonvalue.String(value))
		}
		l.add(item.Value())
	}
	return nil
}

// byteOrderMark is what some programs begin text files with.
const byteOrderMark = "\ufeff"

func withoutMark(b []byte) []byte { return bytes.TrimPrefix(b, []byte(byteOrderMark)) }
