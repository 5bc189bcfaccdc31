//go:build !linux

package runtime

import "errors"

// RunSandbox does nothing: sandboxes are made of what only Linux has.
func RunSandbox() {}

func (r *Runtime) probeSandbox() error { return errors.New("they need Linux") }

func (r *Runtime) newHost(e *environment) (host, error) { return r.newPlainHost(e), nil }
