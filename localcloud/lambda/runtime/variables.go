package runtime

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// places says where a process finds things. In a sandbox these are AWS's names.
type places struct {
	task    string // the function's code
	opt     string // its layers
	runtime string // the bootstraps
	tmp     string // its own temporary files
}

// The places of a sandbox.
var awsPlaces = places{task: "/var/task", opt: "/opt", runtime: "/var/runtime", tmp: "/tmp"}

// variables returns the environment of a process: the function's own variables
// and those that AWS promises.
//
// Source: recorded from the runtimes python3.14, nodejs22.x and provided.al2023.
func (e *environment) variables() []string {
	v, at := e.version, e.places
	list := string(filepath.ListSeparator)
	vars := map[string]string{
		"LANG": "en_US.UTF-8",
		"TZ":   ":UTC",
		"PWD":  at.task,
		// The variables that Linux programs find other programs by; not the
		// caller's, so that a function depends on nothing that AWS does not have.
		"PATH": strings.Join([]string{"/var/lang/bin", "/usr/local/bin", "/usr/bin/", "/bin", filepath.Join(at.opt, "bin")}, list),
		"LD_LIBRARY_PATH": strings.Join([]string{
			"/var/lang/lib", "/lib64", "/usr/lib64", at.runtime, filepath.Join(at.runtime, "lib"),
			at.task, filepath.Join(at.task, "lib"), filepath.Join(at.opt, "lib"),
		}, list),
		// Clients in the function talk to the local cloud without a word of
		// configuration, and do not put "sync-" and the like before its address.
		"AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
	}
	if v.EndpointURL != "" {
		vars["AWS_ENDPOINT_URL"] = v.EndpointURL
	}
	if e.family.managed() {
		// Shells count themselves; AWS's own bootstraps are started by one.
		vars["SHLVL"] = "0"
	}
	if !e.sandboxed {
		for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
			vars[name] = at.tmp
		}
	}
	for name, value := range systemVariables() {
		vars[name] = value
	}
	for name, value := range v.Environment {
		vars[name] = value
	}
	// These cannot be a function's own; AWS refuses their names.
	for name, value := range e.reserved() {
		vars[name] = value
	}
	if e.api.token != "" {
		// For the bootstrap, which takes it away before it loads the handler.
		vars[tokenVariable] = e.api.token
	}
	out := make([]string, 0, len(vars))
	for name, value := range vars {
		out = append(out, name+"="+value)
	}
	slices.Sort(out)
	return out
}

// tokenVariable tells a bootstrap the api's token.
const tokenVariable = "_CROSSFADE_RUNTIME_TOKEN"

// reserved returns the variables whose names belong to AWS.
func (e *environment) reserved() map[string]string {
	v, at := e.version, e.places
	// Nothing takes traces there, and AWS's clients do not expect an answer.
	daemon, _, err := net.SplitHostPort(e.api.address)
	if err != nil {
		panic("runtime: an address without a port: " + e.api.address)
	}
	vars := map[string]string{
		"_HANDLER":                        v.Handler,
		"LAMBDA_TASK_ROOT":                at.task,
		"LAMBDA_RUNTIME_DIR":              at.runtime,
		"AWS_LAMBDA_RUNTIME_API":          e.api.address,
		"AWS_REGION":                      v.Region,
		"AWS_DEFAULT_REGION":              v.Region,
		"AWS_ACCESS_KEY_ID":               v.Credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY":           v.Credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN":               v.Credentials.SessionToken,
		"AWS_LAMBDA_FUNCTION_NAME":        v.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     v.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(v.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  e.initialization(),
		"AWS_LAMBDA_LOG_GROUP_NAME":       v.LogGroup,
		"AWS_LAMBDA_LOG_STREAM_NAME":      e.stream,
		"AWS_XRAY_CONTEXT_MISSING":        "LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS":         net.JoinHostPort(daemon, "2000"),
		"_AWS_XRAY_DAEMON_ADDRESS":        daemon,
		"_AWS_XRAY_DAEMON_PORT":           "2000",
	}
	if v.LogFormat == "JSON" {
		vars["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
	}
	switch e.family.interpreter {
	case "python":
		vars["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + v.Runtime
		vars["PYTHONPATH"] = joinPath(at.runtime, v.Environment["PYTHONPATH"])
	case "node":
		vars["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + v.Runtime
		vars["NODE_PATH"] = joinPath(
			filepath.Join(at.opt, "nodejs", fmt.Sprintf("node%d", e.family.major), "node_modules"),
			filepath.Join(at.opt, "nodejs", "node_modules"),
			filepath.Join(at.runtime, "node_modules"),
			at.runtime, at.task,
			v.Environment["NODE_PATH"],
		)
	}
	return vars
}

func joinPath(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return strings.Join(parts, string(filepath.ListSeparator))
}

// command returns what to run, by the names of at; nil when the function brings
// no program.
func (e *environment) command(at places) []string {
	v := e.version
	var command []string
	switch {
	case e.family.interpreter == "python":
		command = []string{e.interpreter.path, filepath.Join(at.runtime, "bootstrap.py"), at.opt}
	case e.family.interpreter == "node":
		// Nine tenths of the memory for objects leaves room for the program.
		command = []string{e.interpreter.path, fmt.Sprintf("--max-old-space-size=%d", v.MemoryMB*9/10), filepath.Join(at.runtime, "bootstrap.cjs")}
	case e.family.program:
		return []string{filepath.Join(at.task, filepath.FromSlash(v.Handler))}
	case isFile(filepath.Join(e.task.dir, "bootstrap")):
		return []string{filepath.Join(at.task, "bootstrap")}
	case isFile(filepath.Join(e.opt.dir, "bootstrap")):
		return []string{filepath.Join(at.opt, "bootstrap")}
	default:
		return nil
	}
	if wrapper := v.Environment["AWS_LAMBDA_EXEC_WRAPPER"]; wrapper != "" {
		return wrapped(wrapper, command)
	}
	return command
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
