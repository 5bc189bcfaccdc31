package lambda

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/crossfade-dev/crossfade/localcloud/wire"
	"github.com/crossfade-dev/crossfade/localcloud/wire/lambdaapi"
)

// minUnreserved is how much concurrency reservations leave to the functions that
// have none.
//
// Source: Lambda developer guide, "Configuring reserved concurrency".
const minUnreserved = 100

// A load is how many invocations run at once.
type load struct{ running atomic.Int64 }

// enter takes a place if there are fewer than limit.
func (l *load) enter(limit int64) bool {
	if l.running.Add(1) <= limit {
		return true
	}
	l.running.Add(-1)
	return false
}

func (l *load) leave() { l.running.Add(-1) }

// enter takes a place for an invocation of a version of f: from what is
// provisioned for it, from the function's reservation, or from what the others
// share. leave gives it back; a reason says that there is none.
func (s *Service) enter(f *function, c *control, v *version) (leave func(), reason string) {
	if len(c.provisioned) > 0 {
		if leave, ok := f.enterProvisioned(c, v); ok {
			return leave, ""
		}
	}
	if c.reserved != nil {
		if !f.load.enter(int64(*c.reserved - c.provisionedTotal(""))) {
			return nil, lambdaapi.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded
		}
		return f.load.leave, ""
	}
	// What reservations leave is only counted when it could matter: they cannot
	// go below the minimum, or below what the service was given.
	sp := f.space
	if sp.unreserved.enter(int64(min(minUnreserved, s.concurrency))) || sp.unreserved.enter(int64(s.concurrency-sp.reserved(nil))) {
		return sp.unreserved.leave, ""
	}
	return nil, lambdaapi.ThrottleReasonConcurrentInvocationLimitExceeded
}

// reserved is how much concurrency the functions of a space have for themselves,
// as a reservation or provisioned, without that of one of them.
func (sp *space) reserved(without *function) int {
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	sum := 0
	for _, f := range sp.functions {
		if f == without {
			continue
		}
		c := f.control.Load()
		sum += wire.Value(c.reserved)
		if c.reserved == nil {
			sum += c.provisionedTotal("")
		}
	}
	return sum
}

func (s *Service) putFunctionConcurrency(ctx context.Context, in *lambdaapi.PutFunctionConcurrencyRequest) (*lambdaapi.Concurrency, error) {
	f, err := s.findUnqualified(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	want := int(in.ReservedConcurrentExecutions)
	if s.concurrency-f.space.reserved(f)-want < minUnreserved {
		// Without a Type, unlike others: recorded.
		return nil, lambdaapi.NewInvalidParameterValueException(fmt.Sprintf("Specified ReservedConcurrentExecutions for function decreases"+
			" account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved))
	}
	if provisioned := f.control.Load().provisionedTotal(""); want < provisioned {
		// The blanks are AWS's: recorded.
		return nil, lambdaapi.NewInvalidParameterValueException(fmt.Sprintf(" ReservedConcurrentExecutions  %d should not be lower than"+
			" function's total provisioned concurrency [%d].", want, provisioned))
	}
	return &lambdaapi.Concurrency{ReservedConcurrentExecutions: &in.ReservedConcurrentExecutions}, s.reserve(f, &want)
}

func (s *Service) reserve(f *function, want *int) error {
	return s.change(f, func(c *control) (*control, error) {
		n := c.clone()
		n.reserved = want
		return n, nil
	})
}

func (s *Service) getFunctionConcurrency(ctx context.Context, in *lambdaapi.GetFunctionConcurrencyRequest) (*lambdaapi.GetFunctionConcurrencyResponse, error) {
	_, c, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	out := &lambdaapi.GetFunctionConcurrencyResponse{}
	if c.reserved != nil {
		out.ReservedConcurrentExecutions = new(int32(*c.reserved))
	}
	return out, nil
}

func (s *Service) deleteFunctionConcurrency(ctx context.Context, in *lambdaapi.DeleteFunctionConcurrencyRequest) (*wire.Nothing, error) {
	f, err := s.findUnqualified(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return nil, s.reserve(f, nil)
}

func (s *Service) getAccountSettings(ctx context.Context, _ *lambdaapi.GetAccountSettingsRequest) (*lambdaapi.GetAccountSettingsResponse, error) {
	sp := s.here(ctx)
	reserved := sp.reserved(nil)
	sp.mu.RLock()
	defer sp.mu.RUnlock()
	var size int64
	for _, f := range sp.functions {
		for _, v := range f.control.Load().all() {
			size += v.code.Size
		}
	}
	for _, l := range sp.layers {
		for _, v := range l.versions {
			size += v.content.Size
		}
	}
	return &lambdaapi.GetAccountSettingsResponse{
		AccountLimit: &lambdaapi.AccountLimit{
			TotalCodeSize:                  new(int64(75 << 30)),
			CodeSizeUnzipped:               new(int64(maxUnzipped)),
			CodeSizeZipped:                 new(int64(maxZipped)),
			ConcurrentExecutions:           new(int32(s.concurrency)),
			UnreservedConcurrentExecutions: new(int32(s.concurrency - reserved)),
		},
		AccountUsage: &lambdaapi.AccountUsage{
			TotalCodeSize: &size,
			FunctionCount: new(int64(len(sp.functions))),
		},
	}, nil
}
