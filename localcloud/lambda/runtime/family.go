package runtime

import (
	"fmt"
	"strconv"
	"strings"
)

// A family is what a runtime's name says about how to run it.
type family struct {
	name string // AWS's name, such as "python3.12"
	// interpreter is "python" or "node"; empty for programs of the function's own.
	interpreter  string
	major, minor int // the version that was asked for
	// program says that the handler's name is the file to run, as it was for Go
	// before provided runtimes.
	program bool
}

// managed says that AWS provides the interpreter.
func (f family) managed() bool { return f.interpreter != "" }

// familyOf reads a runtime's name. It knows names by their form, so that it also
// knows those that AWS has yet to give.
func familyOf(name string) (family, error) {
	f := family{name: name}
	switch {
	case strings.HasPrefix(name, "provided"):
		return f, nil
	case name == "go1.x":
		f.program = true
		return f, nil
	case strings.HasPrefix(name, "python"):
		f.interpreter = "python"
		f.major, f.minor = versionIn(strings.TrimPrefix(name, "python"))
		return f, nil
	case strings.HasPrefix(name, "nodejs"):
		f.interpreter = "node"
		f.major, f.minor = versionIn(strings.TrimPrefix(name, "nodejs"))
		return f, nil
	}
	return f, fmt.Errorf("the local cloud cannot run %s functions: it runs python*, nodejs* and provided.* ones; "+
		"a program with a bootstrap runs as provided.al2023", name)
}

// versionIn reads "3.12", "20.x" or "4.3-edge". What is no number counts as 0.
func versionIn(text string) (major, minor int) {
	text, _, _ = strings.Cut(text, "-")
	first, second, _ := strings.Cut(text, ".")
	second, _, _ = strings.Cut(second, ".")
	major, _ = strconv.Atoi(first)
	minor, _ = strconv.Atoi(second)
	return major, minor
}
