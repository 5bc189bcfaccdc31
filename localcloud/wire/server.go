package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/crossfade-dev/crossfade/localcloud/random"
)

// A Config says how a Server answers. Its zero value is a good one.
type Config struct {
	// Account and Region are those of requests that name none; empty means
	// DefaultAccount and DefaultRegion.
	Account, Region string
	// AccountOf returns the account that an access key was made for, or "" if
	// it is not known. It is asked for keys that are not an account's number.
	AccountOf func(accessKey string) string
	// Hosts are names under which the server is reached, without port; the name
	// of a bucket may stand before one, with a dot. Nil means "localhost".
	Hosts []string
	// NewID returns a fresh request id, a UUID; nil means a random one.
	NewID func() string
	// Log takes the failures of operations that are no *Error, and one line per
	// request at debug; nil means none.
	Log *slog.Logger
}

// A Server answers the requests of all its APIs at one endpoint.
type Server struct {
	config   Config
	services []*service
	byTarget map[string]*service
	byName   map[string]*service
}

// A service is an API, ready to be served.
type service struct {
	*Service
	planner *planner
	ops     map[string]*boundOp
	maxBody int64

	routes    []route // of restJson1
	xmlRoutes []xmlRoute
	maxStream int64
	refuse    func(Violation) *Error
}

// A boundOp is an operation of the model, with its row if it has one.
type boundOp struct {
	*Operation
	service *service
	row     *Row

	once    sync.Once
	in, out *plan // nil without input or output
}

// plans makes the plans of the operation's input and output.
func (op *boundOp) plans() (in, out *plan) {
	op.once.Do(func() {
		if op.Input != None {
			op.in = op.service.planner.plan(op.Input, op.row.in)
		}
		if op.Output != None {
			op.out = op.service.planner.plan(op.Output, op.row.out)
		}
	})
	return op.in, op.out
}

// NewServer returns a server for the APIs. It panics if an API has a row for an
// operation that its service does not have, or two for one.
func NewServer(config Config, apis ...API) *Server {
	if config.Account == "" {
		config.Account = DefaultAccount
	}
	if config.Region == "" {
		config.Region = DefaultRegion
	}
	if config.NewID == nil {
		config.NewID = randomID
	}
	if config.Hosts == nil {
		config.Hosts = []string{"localhost"}
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: config, byTarget: map[string]*service{}, byName: map[string]*service{}}
	for _, api := range apis {
		svc := newService(api)
		s.services = append(s.services, svc)
		s.byName[svc.Name] = svc
		if svc.TargetPrefix != "" {
			s.byTarget[svc.TargetPrefix] = svc
		}
	}
	return s
}

func newService(api API) *service {
	svc := &service{
		Service: api.Service,
		planner: newPlanner(api.Service),
		ops:     make(map[string]*boundOp, len(api.Service.Operations)),
		maxBody: api.MaxBody, maxStream: api.MaxStream, refuse: api.Refuse,
	}
	if svc.maxBody == 0 {
		svc.maxBody = 1 << 20
	}
	if svc.maxStream == 0 {
		svc.maxStream = 5 << 30
	}
	ordered := make([]*boundOp, len(api.Service.Operations))
	for i := range api.Service.Operations {
		op := &boundOp{Operation: &api.Service.Operations[i], service: svc}
		ordered[i] = op
		svc.ops[op.Name] = op
	}
	for i := range api.Rows {
		row := &api.Rows[i]
		op := svc.ops[row.op.Name]
		if op == nil || op.Operation != row.op {
			panic(fmt.Sprintf("wire: %s has no operation %s", api.Service.ID, row.op.Name))
		}
		if op.row != nil {
			panic(fmt.Sprintf("wire: two rows for %s of %s", row.op.Name, api.Service.ID))
		}
		op.row = row
	}
	if svc.speaks(RestJSON) {
		svc.routes = routes(ordered)
	}
	if svc.speaks(RestXML) {
		svc.xmlRoutes = xmlRoutes(ordered)
	}
	return svc
}

// speaks says whether clients may use the protocol with the service.
func (svc *service) speaks(p Protocol) bool {
	for _, q := range svc.Protocols {
		if p == q {
			return true
		}
	}
	return false
}

// randomID returns a UUID of version 4. Request ids need not be hard to guess.
func randomID() string { return random.UUID(rand.Uint64(), rand.Uint64()) }

// run decodes nothing: it validates a decoded input, carries the operation out
// and returns its output.
func (s *Server) run(ctx context.Context, op *boundOp, in reflect.Value, missing []string) (out reflect.Value, failure *Error) {
	if op.in != nil {
		if e := validate(op.in, in.Elem(), missing, op.service.refuse); e != nil {
			return reflect.Value{}, e
		}
	}
	defer func() {
		if r := recover(); r != nil {
			if err, _ := r.(error); errors.Is(err, http.ErrAbortHandler) {
				panic(r)
			}
			s.config.Log.Error("operation panicked", "operation", op.Name, "panic", r, "stack", string(debug.Stack()))
			failure = newInternalFailure(fmt.Errorf("%s panicked: %v", op.Name, r))
		}
	}()
	result, err := op.row.call(ctx, in.Interface())
	if err != nil {
		return reflect.Value{}, s.asError(ctx, op, err)
	}
	return reflect.ValueOf(result).Elem(), nil
}

// asError returns the *Error in err; any other error is an internal failure.
func (s *Server) asError(ctx context.Context, op *boundOp, err error) *Error {
	if e, ok := asWireError(err); ok {
		return e
	}
	if ctx.Err() == nil {
		s.config.Log.Error("operation failed", "operation", op.Name, "error", err)
	}
	return newInternalFailure(err)
}

// caller returns who sent the request.
func (s *Server) caller(r *http.Request, id string) (c Caller, scope string) {
	c = Caller{Account: s.config.Account, Region: s.config.Region, RequestID: id}
	credential := ""
	if auth := r.Header["Authorization"]; len(auth) > 0 {
		if _, after, ok := strings.Cut(auth[0], "Credential="); ok {
			credential, _, _ = strings.Cut(after, ",")
			credential = strings.TrimSpace(credential)
		}
	} else if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
		credential = r.URL.Query().Get("X-Amz-Credential")
	}
	if credential != "" {
		// AKID/date/region/service/aws4_request; read from the end, since an
		// access key may be anything.
		rest, _ := cutLast(credential)
		rest, scope = cutLast(rest)
		rest, region := cutLast(rest)
		c.AccessKey, _ = cutLast(rest)
		if region != "" {
			c.Region = region
		}
	}
	if isAccount(c.AccessKey) {
		c.Account = c.AccessKey
	} else if c.AccessKey != "" && s.config.AccountOf != nil {
		if a := s.config.AccountOf(c.AccessKey); a != "" {
			c.Account = a
		}
	}
	c.Partition = partitionOf(c.Region)
	return c, scope
}

// cutLast cuts s at its last slash; without one, all of s comes before.
func cutLast(s string) (before, after string) {
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// isAccount says whether s is twelve digits.
func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
