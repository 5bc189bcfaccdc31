package memstore_test

import (
	"testing"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/controller/memstore"
	"github.com/crossfade-dev/crossfade/controller/storetest"
)

func TestMemstoreKeepsTheStoresPromises(t *testing.T) {
	storetest.Run(t, func(testing.TB) controller.Store { return memstore.New() })
}
