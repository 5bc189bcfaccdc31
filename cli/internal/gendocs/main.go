// Command gendocs writes the reference of the command line.
package main

import (
	"log"
	"os"

	"github.com/crossfade-dev/crossfade/cli"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: gendocs FILE")
	}
	if err := os.WriteFile(os.Args[1], []byte(cli.Reference()), 0o644); err != nil {
		log.Fatal(err)
	}
}
