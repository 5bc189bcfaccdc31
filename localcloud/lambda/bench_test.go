package lambda_test

import (
	"testing"

	"github.com/crossfade-dev/crossfade/localcloud/lambda"
	"github.com/crossfade-dev/crossfade/localcloud/wire"
)

// BenchmarkInvokeThroughAWeightedAlias measures what the service adds to a
// function that takes no time.
func BenchmarkInvokeThroughAWeightedAlias(b *testing.B) {
	w := released(b, 0.05)
	ctx := wire.WithCaller(b.Context(), wire.Caller{Account: account, Region: region})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.service.Invoke(ctx, lambda.Invocation{Function: "roast", Qualifier: "live", Payload: []byte(`{"cup":1}`)}); err != nil {
			b.Fatal(err)
		}
	}
}
