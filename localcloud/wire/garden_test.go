package wire_test

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/internal/gardenapi"
	"github.com/crossfade-dev/crossfade/localcloud/wire/sfnapi"
)

// gardenAPI is a service with every kind of shape and binding. plant, which may
// be nil, answers Plant; by default it returns its input.
func gardenAPI(plant func(*gardenapi.Everything) *gardenapi.Everything) wire.API {
	if plant == nil {
		plant = func(in *gardenapi.Everything) *gardenapi.Everything { return in }
	}
	return wire.API{Service: &gardenapi.Service, MaxBody: 4 << 20, Rows: []wire.Row{
		wire.Op(gardenapi.Plant, func(_ context.Context, in *gardenapi.Everything) (*gardenapi.Everything, error) {
			return plant(in), nil
		}),
		wire.Op(gardenapi.GetBed, func(_ context.Context, in *gardenapi.GetBedRequest) (*gardenapi.GetBedResponse, error) {
			switch in.Bed {
			case "weedy":
				return nil, gardenapi.NewWeeds("too many").With("height", 3).With("spots", []string{"a"})
			case "stormy":
				return nil, gardenapi.NewStorm("come back later")
			}
			out := &gardenapi.GetBedResponse{Gardener: &in.Bed, Tools: in.Tools, Notes: in.Notes, Changed: in.After}
			if in.Depth == 202 {
				out.Code = &in.Depth
			}
			if in.Kinds != nil {
				out.Seen = new(strings.Join(in.Kinds, "+"))
			}
			return out, nil
		}),
		wire.Op(gardenapi.ListBeds, func(context.Context, *wire.Nothing) (*gardenapi.ListBedsResponse, error) {
			return &gardenapi.ListBedsResponse{Beds: []string{}}, nil
		}),
		wire.Op(gardenapi.ListAllBeds, func(_ context.Context, in *gardenapi.BedRequest) (*gardenapi.ListBedsResponse, error) {
			return &gardenapi.ListBedsResponse{Beds: []string{"all of " + in.Bed}}, nil
		}),
		wire.Op(gardenapi.DigBed, func(context.Context, *gardenapi.BedRequest) (*wire.Nothing, error) { return nil, nil }),
		wire.Op(gardenapi.Water, func(_ context.Context, in *gardenapi.WaterRequest) (*gardenapi.WaterResponse, error) {
			out := &gardenapi.WaterResponse{Drained: in.Water}
			if in.Warm != nil && *in.Warm {
				out.Puddle = new("warm")
			}
			return out, nil
		}),
		wire.Op(gardenapi.Label, func(_ context.Context, in *gardenapi.LabelRequest) (*gardenapi.LabelResponse, error) {
			text := in.Path
			if in.Label != nil {
				text += "=" + *in.Label
			}
			return &gardenapi.LabelResponse{Label: &text}, nil
		}),
		wire.Op(gardenapi.Sow, func(_ context.Context, in *gardenapi.SowRequest) (*gardenapi.SowResponse, error) {
			return &gardenapi.SowResponse{Seed: in.Seed}, nil
		}),
		wire.Op(gardenapi.Check, func(context.Context, *gardenapi.Checked) (*wire.Nothing, error) { return nil, nil }),
	}}
}

// callerAPI answers StartExecution with a name in the caller's account.
func callerAPI() wire.API {
	return wire.API{Service: &sfnapi.Service, Rows: []wire.Row{
		wire.Op(sfnapi.StartExecution, func(ctx context.Context, in *sfnapi.StartExecutionInput) (*sfnapi.StartExecutionOutput, error) {
			return &sfnapi.StartExecutionOutput{ExecutionArn: wire.CallerFrom(ctx).ARN("x", in.StateMachineArn)}, nil
		}),
	}}
}

func TestMembersGoToTheirPlacesInARestRequest(t *testing.T) {
	s := wire.NewServer(wire.Config{}, gardenAPI(nil))
	cases := []struct {
		name   string
		ask    ask
		status int
		header map[string]string
		body   string
	}{
		{
			"labels are unescaped once; query and headers are read",
			ask{method: "GET", url: "/2020-02-20/beds/arn%3Aaws%3Ax%2Fy%2525?depth=3&kind=rose&kind=a%20b", header: map[string]string{"X-Garden-Tools": "rake, hoe", "X-Note-One": "1", "If-Modified-Since": "Wed, 04 Mar 2026 05:06:07 GMT"}},
			200, map[string]string{"X-Garden-Gardener": "arn:aws:x/y%25", "X-Garden-Tools": "rake,hoe", "X-Note-One": "1", "Last-Modified": "Wed, 04 Mar 2026 05:06:07 GMT", "Content-Type": "application/json"},
			`{"seen":"rose+a b"}`,
		},
		{"a member sets the status", ask{method: "GET", url: "/2020-02-20/beds/b?depth=202"}, 202, nil, `{}`},
		{"fixed text goes before labels", ask{method: "GET", url: "/2020-02-20/beds/list"}, 200, nil, `{"Beds":[]}`},
		{"a trailing slash is no part", ask{method: "GET", url: "/2020-02-20/beds/list/"}, 200, nil, `{"Beds":[]}`},
		{"fixed parameters choose", ask{method: "GET", url: "/2020-02-20/beds/b?List=ALL"}, 200, nil, `{"Beds":["all of b"]}`},
		{"204 has no body", ask{method: "DELETE", url: "/2020-02-20/beds/b"}, 204, map[string]string{"Content-Length": ""}, ""},
		{"a blob is the body", ask{url: "/2020-02-20/beds/b/water", header: map[string]string{"X-Garden-Warm": "true"}, body: "\x00\xffw"}, 200, map[string]string{"X-Garden-Puddle": "warm", "Content-Type": "application/octet-stream"}, "\x00\xffw"},
		{"a text is the body, a label is greedy", ask{method: "PUT", url: "/2020-02-20/labels/a/b%2Fc/d", body: "red"}, 200, nil, "a/b/c/d=red"},
		{"a structure is the body", ask{method: "PUT", url: "/2020-02-20/beds/b/seed", body: `{"Name":"n","Count":2}`}, 200, nil, `{"Name":"n","Count":2}`},
		{"an absent structure", ask{method: "PUT", url: "/2020-02-20/beds/b/seed"}, 200, nil, ``},
		{"a created thing", ask{url: "/2020-02-20/plants", body: `{"Name":"n","Count":2}`}, 201, nil, `{"Name":"n","Count":2}`},
		{
			"an error with members", ask{method: "GET", url: "/2020-02-20/beds/weedy?depth=1"},
			409, map[string]string{"X-Amzn-Errortype": "Weeds", "Content-Type": "application/json"},
			`{"Type":"User","height":3,"spots":["a"],"Message":"too many"}`,
		},
		{"a fault", ask{method: "GET", url: "/2020-02-20/beds/stormy?depth=1"}, 503, map[string]string{"X-Amzn-Errortype": "Storm"}, `{"message":"come back later"}`},
		{
			"a required parameter is missing", ask{method: "GET", url: "/2020-02-20/beds/b"},
			400, map[string]string{"X-Amzn-Errortype": "ValidationException"},
			`{"message":"1 validation error detected: Value null at 'depth' failed to satisfy constraint: Member must not be null"}`,
		},
		{
			"a required body is missing", ask{url: "/2020-02-20/beds/b/water"},
			400, nil,
			`{"message":"1 validation error detected: Value null at 'water' failed to satisfy constraint: Member must not be null"}`,
		},
		{
			"a required member of the body is missing", ask{method: "PUT", url: "/2020-02-20/beds/b/seed", body: `{"Name":"n"}`},
			400, nil,
			`{"message":"1 validation error detected: Value null at 'seed.count' failed to satisfy constraint: Member must not be null"}`,
		},
		{
			"a parameter of another type", ask{method: "GET", url: "/2020-02-20/beds/b?depth=deep"},
			400, map[string]string{"X-Amzn-Errortype": "SerializationException"},
			`{"message":"The value 'deep' of depth can not be converted to an Integer."}`,
		},
		{"a method that the path does not have", ask{method: "PATCH", url: "/2020-02-20/plants"}, 405, map[string]string{"X-Amzn-Errortype": "MethodNotAllowedException"}, `{"message":"The method PATCH is not allowed for /2020-02-20/plants."}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, s, c.ask)
			if got.status != c.status || got.body != c.body {
				t.Errorf("got %d %q, want %d %q", got.status, got.body, c.status, c.body)
			}
			for k, v := range c.header {
				if g := got.header.Get(k); g != v {
					t.Errorf("got header %s %q, want %q", k, g, v)
				}
			}
		})
	}
}

func TestPathOfAnotherServiceIsNotTaken(t *testing.T) {
	s := wire.NewServer(wire.Config{}, gardenAPI(nil))
	got := send(t, s, ask{method: "GET", url: "/2020-02-20/beds/list", header: map[string]string{
		"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0",
	}})
	if got.status != http.StatusNotImplemented || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s, want 501: the scope says s3", got.status, got.body)
	}
}

func TestQueryErrorsCarryTheirQueryCodeAndMembers(t *testing.T) {
	s := wire.NewServer(wire.Config{NewID: func() string { return fixedID }}, gardenAPI(nil))
	got := send(t, s, ask{body: "Action=GetBed&Version=2020-02-20&Bed=weedy&depth=1"})
	want := `<ErrorResponse xmlns="http://garden.example/doc/"><Error><Type>Sender</Type><Code>TooManyWeeds</Code><Message>too many</Message><Type>User</Type><height>3</height><spots><member>a</member></spots></Error><RequestId>` + fixedID + `</RequestId></ErrorResponse>`
	if got.status != 409 || got.body != want {
		t.Errorf("got %d %s\nwant 409 %s", got.status, got.body, want)
	}
}

func TestCallTakesAndGivesWhatStateMachinesWrite(t *testing.T) {
	s := wire.NewServer(wire.Config{}, gardenAPI(nil), callerAPI())
	ctx := wire.WithCaller(context.Background(), wire.Caller{Account: "123456789012", Region: "eu-central-1"})
	cases := []struct{ service, operation, params, want, code string }{
		{"sfn", "startExecution", `{"StateMachineArn":"m"}`, `{"ExecutionArn":"arn:aws:x:eu-central-1:123456789012:m","StartDate":"0001-01-01T00:00:00.000Z"}`, ""},
		{"SFN", "StartExecution", `{"stateMachineArn":"m"}`, `{"ExecutionArn":"arn:aws:x:eu-central-1:123456789012:m","StartDate":"0001-01-01T00:00:00.000Z"}`, ""},
		{"garden", "plant", `{"Name":"n","Count":1,"Sown":"2026-01-02T03:04:05Z","Seed":{"a":[1, 2]},"Big":7}`, `{"Name":"n","Count":1,"Big":7,"Sown":"2026-01-02T03:04:05.000Z","Seed":"{\"a\":[1, 2]}"}`, ""},
		{"garden", "digBed", `{"Bed":"b"}`, `{}`, ""},
		{"garden", "getBed", `{"Bed":"b","Depth":1}`, `{"Gardener":"b"}`, ""},
		{"garden", "getBed", `{"Bed":"weedy","Depth":1}`, "", "Weeds"},
		{"garden", "getBed", `{"Bed":"b"}`, "", "ValidationException"},
		{"garden", "getBed", `[]`, "", "SerializationException"},
		{"garden", "mow", `{}`, "", "UnknownOperationException"},
		{"sfn", "stopExecution", `{}`, "", "NotImplementedException"},
		{"dynamodb", "getItem", `{}`, "", "NotImplementedException"},
	}
	for _, c := range cases {
		out, err := s.Call(ctx, c.service, c.operation, []byte(c.params))
		if c.code != "" {
			if !wire.IsCode(err, c.code) {
				t.Errorf("%s:%s %s: got %s, %v; want the error %s", c.service, c.operation, c.params, out, err, c.code)
			}
			continue
		}
		if err != nil || string(out) != c.want {
			t.Errorf("%s:%s %s: got %s, %v; want %s", c.service, c.operation, c.params, out, err, c.want)
		}
	}
}

// aPlant has something in every member.
func aPlant() *gardenapi.Everything {
	when := time.Date(2024, 2, 29, 23, 59, 59, 1e6, time.UTC)
	return &gardenapi.Everything{
		Name: "rose & \"briar\" <\u00e9\U0001F339>\n", Count: -3, Big: new(int64(math.MaxInt64)), Share: new(0.25), Small: new(1e30),
		Alive: new(false), Sown: &when, SownISO: &when, Seed: []byte{0, 255, 10}, Colours: []string{"", "red"}, Flat: []string{"p", "q"},
		Heights: []float64{math.Inf(1), math.Inf(-1), 1.0 / 3, 5e-324, 0}, Tags: map[string]string{"k": "v", "": "empty"},
		Neighbours: map[string]gardenapi.Everything{"oak": {Name: "oak", Children: []gardenapi.Everything{}}},
		Children:   []gardenapi.Everything{{Name: "bud", Colours: []string{}}, {Count: 1}},
		Parent:     &gardenapi.Everything{Name: "stock", Parent: &gardenapi.Everything{Tags: map[string]string{}}},
	}
}
