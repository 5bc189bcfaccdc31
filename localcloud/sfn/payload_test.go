package sfn

import (
	"testing"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func TestAPayloadThatIsJSONTextGoesAsItIs(t *testing.T) {
	for given, want := range map[string]string{
		`"7.50"`: `7.50`, `"false"`: `false`, `"{\"a\":1}"`: `{"a":1}`, `"plain words"`: `"plain words"`, `{"a":[1,2]}`: `{"a":[1,2]}`, `3`: `3`,
	} {
		v, err := jsonvalue.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := payloadText(v); got != want {
			t.Errorf("Payload %s is sent as %s, want %s", given, got, want)
		}
	}
}
