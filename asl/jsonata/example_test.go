package jsonata_test

import (
	"fmt"

	"github.com/crossfade-dev/crossfade/asl/jsonata"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

func ExampleCompile() {
	order, err := jsonvalue.Parse(`{"items": [{"price": 2.5, "quantity": 4}, {"price": 1, "quantity": 3}]}`)
	if err != nil {
		panic(err)
	}
	e, err := jsonata.Compile(`$sum(items.(price * quantity))`)
	if err != nil {
		panic(err)
	}
	fmt.Println(e.Eval(jsonata.Env{Data: order}))
	// Output: 13 <nil>
}
