package resource_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/internal/clock"
	"github.com/crossfade-dev/crossfade/localcloud"
	"github.com/crossfade-dev/crossfade/localcloud/cloudformation"
	"github.com/crossfade-dev/crossfade/localcloud/resource"
	"github.com/crossfade-dev/crossfade/localcloud/rollouts"
)

// start is when every world begins.
var start = time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)

const stackID = "arn:aws:cloudformation:us-east-1:000000000000:stack/shop/11111111-2222-3333-4444-555555555555"

// A world is a cloud in virtual time with the resource types over it.
type world struct {
	*testing.T
	clock     *clock.Virtual
	cloud     *localcloud.Cloud
	store     controller.Store
	rollouts  *rollouts.Service
	processes int // that have been
	providers map[string]cloudformation.Provider
	tokens    int
	tags      map[string]string // of the stack
	lenient   bool              // the stack
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, clock: clock.NewVirtual(start)}
	var err error
	w.cloud, err = localcloud.Open(localcloud.Config{Clock: w.clock, Seed: 1, Path: interpreters(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	w.store = memstore.New()
	w.open()
	w.tags = map[string]string{"aws:cloudformation:stack-name": "shop", "aws:cloudformation:stack-id": stackID}
	return w
}

// open makes the resource types and what carries their rollouts out, as a new
// process would.
func (w *world) open() {
	w.processes++
	w.rollouts = rollouts.New(rollouts.Config{
		Store: w.store, Clock: w.clock, Owner: fmt.Sprintf("local cloud of test@here pid %d", w.processes),
		AWS: func(account, region string) aws.Config {
			c := w.cloud.AWSConfig()
			c.Region, c.Credentials = region, credentials.NewStaticCredentialsProvider(account, "local", "")
			return c
		},
	})
	w.providers = resource.Providers(resource.Config{AWS: w.cloud.AWSConfig(), Rollouts: w.rollouts})
}

// interpreters returns a directory with a program that says that it is Python,
// which is enough for functions that are never invoked.
func interpreters(t *testing.T) string {
	dir := t.TempDir()
	path := filepath.Join(dir, "python3.12")
	script := "#!/bin/sh\nprintf '3 12\\n" + path + "\\n" + dir + "\\n'\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pass lets the cloud's time pass.
func (w *world) pass(d time.Duration) {
	w.Helper()
	if err := w.clock.Drive(w.Context(), w.clock.Now().Add(d), 0, append(w.cloud.Processes(), w.rollouts)...); err != nil {
		w.Fatal(err)
	}
}

// A thing is a resource of the stack.
type thing struct {
	kind, name string // type and logical id
	id         string
	properties jsonvalue.Value
	attributes map[string]jsonvalue.Value
	policy     jsonvalue.Value // UpdatePolicy
	note       string          // of the last operation
}

func value(t *testing.T, text string) jsonvalue.Value {
	t.Helper()
	if text == "" {
		return jsonvalue.Value{}
	}
	v, err := jsonvalue.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// begin returns the request that begins an operation.
func (w *world) begin(action cloudformation.Action, r *thing, properties jsonvalue.Value) cloudformation.Request {
	w.tokens++
	tags := map[string]string{"aws:cloudformation:logical-id": r.name}
	for k, v := range w.tags {
		tags[k] = v
	}
	return cloudformation.Request{
		Action: action, Type: r.kind, LogicalID: r.name, StackID: stackID, StackName: "shop",
		Token: fmt.Sprintf("%08d-0000-4000-8000-000000000000", w.tokens), PhysicalID: r.id,
		Properties: properties, Previous: r.properties, UpdatePolicy: r.policy, Tags: tags,
		Lenient: w.lenient,
	}
}

// carry carries an operation to its end. Every call is made twice, as after a
// crash that lost what the first one answered.
func (w *world) carry(q cloudformation.Request) (cloudformation.Progress, error) {
	w.Helper()
	p := w.providers[q.Type]
	if p == nil {
		w.Fatalf("there is no type %s", q.Type)
	}
	const most = 10_000
	for range most {
		q.Now = w.clock.Now()
		first, err := p.Handle(w.Context(), q)
		if err != nil {
			return first, err
		}
		progress, err := p.Handle(w.Context(), q)
		if err != nil {
			w.Fatalf("%s: the second of two equal calls with the memo %q: %v", q.Type, q.Memo, err)
		}
		if first.PhysicalID != progress.PhysicalID {
			w.Fatalf("%s: two equal calls with the memo %q made %q and %q", q.Type, q.Memo, first.PhysicalID, progress.PhysicalID)
		}
		if progress.Again == 0 {
			return progress, nil
		}
		w.pass(progress.Again)
		q.PhysicalID, q.Memo = progress.PhysicalID, progress.Memo
	}
	w.Fatalf("%s does not come to an end", q.Type)
	return cloudformation.Progress{}, nil
}

// create makes a resource.
func (w *world) create(kind, name, properties string) *thing {
	w.Helper()
	r := &thing{kind: kind, name: name}
	if err := w.tryCreate(r, properties); err != nil {
		w.Fatalf("create %s: %v", name, err)
	}
	return r
}

func (w *world) tryCreate(r *thing, properties string) error {
	w.Helper()
	v := value(w.T, properties)
	progress, err := w.carry(w.begin(cloudformation.Create, r, v))
	if err != nil {
		return err
	}
	r.id, r.attributes, r.properties, r.note = progress.PhysicalID, progress.Attributes, v, progress.Note
	if r.id == "" {
		w.Fatalf("%s was created without an id", r.name)
	}
	return nil
}

// update changes a resource.
func (w *world) update(r *thing, properties string) {
	w.Helper()
	if err := w.tryUpdate(r, properties); err != nil {
		w.Fatalf("update %s: %v", r.name, err)
	}
}

func (w *world) tryUpdate(r *thing, properties string) error {
	w.Helper()
	v := value(w.T, properties)
	progress, err := w.carry(w.begin(cloudformation.Update, r, v))
	if err != nil {
		return err
	}
	if progress.PhysicalID != r.id {
		w.Fatalf("an update of %s made %s of it", r.id, progress.PhysicalID)
	}
	r.attributes, r.properties, r.note = progress.Attributes, v, progress.Note
	return nil
}

// remove deletes a resource.
func (w *world) remove(r *thing) {
	w.Helper()
	if err := w.tryRemove(r); err != nil {
		w.Fatalf("delete %s: %v", r.name, err)
	}
}

func (w *world) tryRemove(r *thing) error {
	w.Helper()
	q := w.begin(cloudformation.Delete, r, r.properties)
	q.Previous = jsonvalue.Value{}
	_, err := w.carry(q)
	return err
}

// get returns an attribute as text.
func (r *thing) get(attribute string) string { return r.attributes[attribute].Str() }

// fails makes sure that an error is a failure with a code and a message in the
// form of the events of a stack.
func (w *world) fails(err error, code, message string) {
	w.Helper()
	var f *cloudformation.Failure
	switch {
	case err == nil:
		w.Errorf("got success, want a failure %s: %s", code, message)
	case !errors.As(err, &f):
		w.Errorf("got the error %v, want a failure", err)
	case f.Code != code || !strings.Contains(f.Message, message):
		w.Errorf("got %s: %s\nwant %s: …%s…", f.Code, f.Message, code, message)
	case !strings.HasPrefix(f.Message, `Resource handler returned message: "`) || !strings.HasSuffix(f.Message, ", HandlerErrorCode: "+code+")"):
		w.Errorf("got the message %s, which does not have AWS's form", f.Message)
	}
}
