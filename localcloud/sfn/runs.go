package sfn

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// runs are the executions of one state machine. Express executions are counted
// while they run and not remembered.
type runs struct {
	open     atomic.Int64 // those that run
	trimming atomic.Bool  // a trim is on its way

	mu        sync.RWMutex
	last      uint64 // the number of the last start
	byName    map[string]*execution
	all       runLog
	byVersion map[int]*runLog
	byAlias   map[string]*runLog
	byMapRun  map[string]*execution // by the map run's ARN
}

// A runLog is executions in the order of their starts. Those that were dropped
// stay in it until it is trimmed.
type runLog []*execution

// claim enters an execution under its name, unless there is one already, which
// it then returns.
func (r *runs) claim(x *execution) *execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	if there := r.byName[x.name]; there != nil {
		return there
	}
	r.last++
	x.number = r.last
	r.enter(x)
	return x
}

// enter adds an execution whose number is known. r.mu is held.
func (r *runs) enter(x *execution) {
	if r.byName == nil {
		r.byName = map[string]*execution{}
		r.byVersion = map[int]*runLog{}
		r.byAlias = map[string]*runLog{}
	}
	r.byName[x.name] = x
	r.all = append(r.all, x)
	if x.version != nil {
		logOf(r.byVersion, x.version.number).add(x)
	}
	if x.alias != nil {
		logOf(r.byAlias, x.alias.name).add(x)
	}
}

func logOf[K comparable](logs map[K]*runLog, key K) *runLog {
	log := logs[key]
	if log == nil {
		log = new(runLog)
		logs[key] = log
	}
	return log
}

func (l *runLog) add(x *execution) { *l = append(*l, x) }

// drop takes an execution out, as if it had never been.
func (r *runs) drop(x *execution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x.dropped.Store(true)
	if r.byName[x.name] == x {
		delete(r.byName, x.name)
	}
}

// named returns the execution of that name, or nil.
func (r *runs) named(name string) *execution {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[name]
}

// log returns the executions of the whole state machine, or of a version or an
// alias, oldest first. The caller must not change it.
func (r *runs) log(number int, aliasName string) []*execution {
	r.mu.RLock()
	defer r.mu.RUnlock()
	log := &r.all
	switch {
	case aliasName != "":
		log = r.byAlias[aliasName]
	case number != 0:
		log = r.byVersion[number]
	}
	if log == nil {
		return nil
	}
	return (*log)[:len(*log):len(*log)]
}

// tooMany says whether it is time to trim: not at every end, but when a tenth
// too many are kept. Who is told yes has to trim.
func (r *runs) tooMany(keep int) bool {
	r.mu.RLock()
	many := len(r.all) > keep+keep/10
	r.mu.RUnlock()
	return many && r.trimming.CompareAndSwap(false, true)
}

// trim drops the oldest executions that have ended, until at most keep are
// left, and all that ended before a time. It returns what it dropped.
func (r *runs) trim(keep int, before time.Time) []*execution {
	r.mu.Lock()
	defer r.mu.Unlock()
	var dropped []*execution
	excess := len(r.byName) - keep
	for _, x := range r.all {
		if x.dropped.Load() || x.running() || len(dropped) >= excess && !x.endedBefore(before) {
			continue
		}
		x.dropped.Store(true)
		delete(r.byName, x.name)
		dropped = append(dropped, x)
	}
	forget := func(l runLog) runLog {
		// A copy, for a list may be reading the old one.
		kept := make(runLog, 0, len(r.byName)+16)
		for _, x := range l {
			if !x.dropped.Load() {
				kept = append(kept, x)
			}
		}
		return slices.Clip(kept)
	}
	r.all = forget(r.all)
	for arn, x := range r.byMapRun {
		if x.dropped.Load() {
			delete(r.byMapRun, arn)
		}
	}
	for key, log := range r.byVersion {
		if *log = forget(*log); len(*log) == 0 {
			delete(r.byVersion, key)
		}
	}
	for key, log := range r.byAlias {
		if *log = forget(*log); len(*log) == 0 {
			delete(r.byAlias, key)
		}
	}
	return dropped
}

// endedBefore says whether an execution that has ended did so before a time. It
// needs no lock.
func (x *execution) endedBefore(t time.Time) bool { return x.ended.Load() < t.UnixMilli() }

// snapshot returns every execution that is remembered.
func (r *runs) snapshot() []*execution { return r.log(0, "") }
