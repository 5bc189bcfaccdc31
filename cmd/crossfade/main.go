// Command crossfade moves the traffic of AWS aliases to new versions.
package main

import (
	"context"
	"os"

	"github.com/crossfade-dev/crossfade/cli"
)

func main() { os.Exit(int(cli.Run(context.Background(), cli.System()))) }
