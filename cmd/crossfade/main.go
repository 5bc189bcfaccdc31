// Command crossfade moves the traffic of AWS aliases to new versions.
package main

import (
	"context"
	"os"

	"github.com/crossfade-dev/crossfade/cli"
	"github.com/crossfade-dev/crossfade/localcloud/lambda/runtime"
)

func main() {
	runtime.RunSandbox() // does not return in a process that was started to hold a function
	os.Exit(int(cli.Run(context.Background(), cli.System())))
}
