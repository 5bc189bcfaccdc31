package runtime

import "github.com/crossfade-dev/crossfade/localcloud/lambda"

// Provision keeps n environments of a version started from now on. They are
// started by and by; one that ends is replaced.
func (r *Runtime) Provision(v *lambda.FunctionVersion, n int) {
	r.mu.Lock()
	if r.closed || n == 0 && r.pools[v.ID] == nil {
		r.mu.Unlock()
		return
	}
	p := r.pool(v)
	p.wanted, p.failed = n, false
	r.refill(p)
	surplus := p.provided[:min(max(p.kept-n, 0), len(p.provided))]
	p.provided = p.provided[len(surplus):]
	if n == 0 && p.count == 0 {
		delete(r.pools, v.ID)
	}
	r.mu.Unlock()
	for _, e := range surplus {
		r.end(e)
	}
}

// Provisioned says how many environments are kept for a version.
func (r *Runtime) Provisioned(v *lambda.FunctionVersion) lambda.Provisioned {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pools[v.ID]
	if p == nil {
		return lambda.Provisioned{}
	}
	return lambda.Provisioned{Ready: p.ready, Idle: len(p.provided), Failed: p.failed}
}

// refill starts the environments that a pool should have and has not. mu is held.
func (r *Runtime) refill(p *pool) {
	for p.kept < p.wanted && !p.failed && !p.retired && !r.closed {
		p.kept++
		p.count++
		r.providing.Go(func() { r.provide(p) })
	}
}

// provide makes one provisioned environment.
func (r *Runtime) provide(p *pool) {
	r.starting <- struct{}{}
	defer func() { <-r.starting }()
	r.mu.Lock()
	if r.closed || p.failed || p.kept > p.wanted {
		r.unkept(p)
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	e, started := r.startProvisioned(p)
	r.mu.Lock()
	if started && !r.closed && p.kept <= p.wanted {
		p.ready++
		p.provided = append(p.provided, e)
		r.mu.Unlock()
		return
	}
	if !started {
		p.failed = true
	}
	delete(r.all, e)
	r.unkept(p)
	r.mu.Unlock()
	if e != nil {
		e.close()
	}
}

// unkept counts one provisioned environment less. mu is held.
func (r *Runtime) unkept(p *pool) {
	p.kept--
	r.refill(p)
	r.forget(p)
}

// startProvisioned returns an environment, nil if there could be none, and
// whether its process has been started.
func (r *Runtime) startProvisioned(p *pool) (e *environment, started bool) {
	e, err := r.newEnvironment(p, true)
	if err != nil {
		r.options.Log.Warn("a provisioned environment could not be made", "function", p.version.Name, "version", p.version.Version, "err", err)
		return nil, false
	}
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.all[e] = true // so that Close ends it
	}
	r.mu.Unlock()
	return e, !closed && e.warm()
}
