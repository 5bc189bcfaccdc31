package sfn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// buckets keep objects by "bucket/key".
type buckets struct {
	mu      sync.Mutex
	objects map[string]string
}

func (b *buckets) Get(_ context.Context, bucket, key, _ string) (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	text, ok := b.objects[bucket+"/"+key]
	if !ok {
		return nil, &wire.Error{Code: "NoSuchKey", Message: "The specified key does not exist.", Status: 404}
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (b *buckets) Put(_ context.Context, bucket, key, _ string, body []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bucket == "full" {
		return errors.New("no room")
	}
	b.objects[bucket+"/"+key] = string(bytes.Clone(body))
	return nil
}

func (b *buckets) List(_ context.Context, bucket, prefix string, yield func(ObjectInfo) bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(b.objects)) {
		if key, ok := strings.CutPrefix(name, bucket+"/"); ok && strings.HasPrefix(key, prefix) {
			if !yield(ObjectInfo{Key: key, ETag: `"e"`, Size: int64(len(b.objects[name])), Modified: testStart, StorageClass: "STANDARD"}) {
				break
			}
		}
	}
	return nil
}

// mapOver returns a definition of one distributed Map that passes its items on.
func mapOver(fields string) string {
	return oneState(`{"Type":"Map","Label":"each",` + fields + `,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
		"StartAt":"Item","States":{"Item":{"Type":"Pass","End":true}}},"End":true}`)
}

func withBuckets(b *buckets) func(*Config) { return func(c *Config) { c.Objects = b } }

func TestItemsAreReadFromABucket(t *testing.T) {
	const reader = `"ItemReader":{"Resource":"arn:aws:states:::s3:%s","Parameters":{"Bucket":"pantry",%s},"ReaderConfig":{%s}}`
	get := func(config string) string { return fmt.Sprintf(reader, "getObject", `"Key":"file"`, config) }
	for _, c := range []struct{ name, file, fields, want string }{
		{"an array", `[1, {"a": 2}]`, get(`"InputType":"JSON"`), `[1,{"a":2}]`},
		{"some of an array", `[1,2,3]`, get(`"InputType":"JSON","MaxItems":2`), `[1,2]`},
		{"an array inside", `{"of":{"jam":[7]}}`, get(`"InputType":"JSON","ItemsPointer":"/of/jam"`), `[7]`},
		{"an object", `{"a":1}`, get(`"InputType":"JSON"`), "States.ItemReaderFailed: Attempting to map over non-iterable node."},
		{"lines", "{\"a\":1}\n\n[2]\n3", get(`"InputType":"JSONL"`), `[{"a":1},[2],3]`},
		{"a line that is no JSON", "1\nx", get(`"InputType":"JSONL"`), "States.ItemReaderFailed: line 2 of the items is not JSON: "},
		{"rows", "\ufeffa,b\n1,\"x,\ny\"\n2\n3,4,5\n", get(`"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`), `[{"a":"1","b":"x,\ny"},{"a":"2","b":""},{"a":"3","b":"4"}]`},
		{"rows without headers", "1|2\n", get(`"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["a","b"],"CSVDelimiter":"PIPE"`), `[{"a":"1","b":"2"}]`},
		{"the same header twice", "a,b,a\n1,2,3\n", get(`"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`), "States.ItemReaderFailed: CSV headers cannot contain duplicates."},
		{"a list", "12345", fmt.Sprintf(reader, "listObjectsV2", `"Prefix":"fi"`, ""), `[{"Etag":"\"e\"","LastModified":1772366400,"Key":"file","Size":5,"StorageClass":"STANDARD"}]`},
		{"no such file", "", `"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"pantry","Key":"none"},"ReaderConfig":{"InputType":"JSON"}}`,
			"States.ItemReaderFailed: The specified key does not exist. (Service: S3, Status Code: 404, Request ID: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud := newCloud(t, withBuckets(&buckets{objects: map[string]string{"pantry/file": c.file, "pantry/other": "", "cellar/file": ""}}))
			execution := cloud.begin(cloud.create("mapped", mapOver(c.fields)), `{}`)
			cloud.pass(time.Second)
			x := cloud.look(execution)
			got := ""
			if x.Output != nil {
				got = *x.Output
			} else if x.Error != nil && x.Cause != nil {
				got = *x.Error + ": " + *x.Cause
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s %s, want %s", x.Status, got, c.want)
			}
		})
	}
}

func TestResultsAreWrittenToABucket(t *testing.T) {
	for _, c := range []struct {
		name, config string
		want         map[string]string // texts that files have, by the end of their names
	}{
		{"as executions", `{}`, map[string]string{
			"SUCCEEDED_0.json": `"Input":"1","InputDetails":{"Included":true},"Name":`, "FAILED_0.json": `[{"Cause":"too many","Error":"Three",`,
			"manifest.json": `{"DestinationBucket":"pantry","MapRunArn":"arn:aws:states:eu-central-1:123456789012:mapRun:mapped/each:`}},
		{"as outputs", `{"Transformation":"COMPACT"}`, map[string]string{"SUCCEEDED_0.json": `[1,[2,4]]`}},
		{"flat", `{"Transformation":"FLATTEN"}`, map[string]string{"SUCCEEDED_0.json": `[1,2,4]`}},
		{"as lines", `{"Transformation":"FLATTEN","OutputType":"JSONL"}`, map[string]string{"SUCCEEDED_0.jsonl": "1\n2\n4\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &buckets{objects: map[string]string{}}
			cloud := newCloud(t, withBuckets(b))
			execution := cloud.begin(cloud.create("mapped", oneState(`{"Type":"Map","Label":"each","ToleratedFailureCount":1,
				"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"pantry","Prefix":"out"},"WriterConfig":`+c.config+`},
				"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Three?","States":{
					"Three?":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":3,"Next":"No"}],"Default":"Yes"},
					"No":{"Type":"Fail","Error":"Three","Cause":"too many"},"Yes":{"Type":"Pass","End":true}}},"End":true}`)), `[1,[2,4],3]`)
			cloud.pass(time.Second)
			x := cloud.look(execution)
			if x.Output == nil {
				t.Fatalf("got %s %v, want an output", x.Status, x.Cause)
			}
			if ok, _ := regexp.MatchString(`^{"MapRunArn":"arn:.*:mapRun:mapped/each:([-0-9a-f]{36})","ResultWriterDetails":{"Bucket":"pantry","Key":"out/[-0-9a-f]{36}/manifest.json"}}$`, *x.Output); !ok {
				t.Errorf("got the output %s, want where the results are", *x.Output)
			}
			for end, text := range c.want {
				found := false
				for name, got := range b.objects {
					found = found || strings.HasSuffix(name, "/"+end) && strings.Contains(got, text)
				}
				if !found {
					t.Errorf("no file %s has %s; the files are %q", end, text, b.objects)
				}
			}
		})
	}
}

func TestABucketThatTakesNothingFailsTheMap(t *testing.T) {
	c := newCloud(t, withBuckets(&buckets{objects: map[string]string{}}))
	execution := c.begin(c.create("mapped", mapOver(`"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"full"}}`)), `[1]`)
	c.pass(time.Second)
	if x := c.look(execution); x.Status != "FAILED" || *x.Error != "States.ResultWriterFailed" || *x.Cause != "no room" {
		t.Errorf("got %s %v %v, want States.ResultWriterFailed", x.Status, x.Error, x.Cause)
	}
}

func TestAMapGoesOnWhereverItIsKilled(t *testing.T) {
	whole := &fakeJournal{}
	definition := mapOver(`"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","Parameters":{"Bucket":"pantry","Key":"file"},"ReaderConfig":{"InputType":"JSON"}},
		"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"pantry"},"WriterConfig":{"Transformation":"COMPACT"}}`)
	b := &buckets{objects: map[string]string{"pantry/file": "[1,2]"}}
	c := over(t, whole, 0, withBuckets(b))
	execution := c.begin(c.create("mapped", definition), `{}`)
	begun := whole.len()
	c.pass(time.Second)
	if x := c.look(execution); x.Status != "SUCCEEDED" {
		t.Fatalf("got %s %v, want it to succeed", x.Status, x.Cause)
	}
	for commits := begun; commits <= whole.len(); commits++ {
		b := &buckets{objects: map[string]string{"pantry/file": "[1,2]"}}
		c := over(t, whole.upTo(commits), time.Minute, withBuckets(b))
		c.pass(time.Second)
		x := c.look(execution)
		if x.Status != "SUCCEEDED" {
			t.Errorf("killed after %d commits: got %s %v, want it to succeed", commits, x.Status, x.Cause)
		}
	}
}
