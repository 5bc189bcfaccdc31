package stack

import (
	"slices"
	"strings"
	"time"
)

// drain waits until nothing is under way, and then goes where the stack has to
// go.
func (p *step) drain() {
	if p.busy() || p.deleting() {
		return
	}
	reason := p.Trouble
	if reason == resourcesFailed {
		reason = p.failures()
	}
	switch {
	case p.Status == DeleteInProgress:
		p.beginDelete()
	case p.Options.KeepFailed && p.Creating:
		p.rest(CreateFailed, reason)
	case p.Options.KeepFailed:
		p.rest(UpdateFailed, reason)
	case p.Options.DeleteFailed && p.Creating:
		p.enter(DeleteInProgress, reason+requested(reason, "Delete"))
		p.beginDelete()
	case p.Creating, p.Status == CreateFailed:
		p.enter(RollbackInProgress, reason+requested(reason, "Rollback"))
		p.beginUndo()
	default:
		p.enter(UpdateRollbackInProgress, reason)
		p.beginRevert()
	}
}

// requested is the sentence that AWS puts behind the reason for which a creation
// turns back.
func requested(reason, what string) string {
	switch {
	case reason == userInitiated:
		return ""
	case strings.HasSuffix(reason, ". "):
		return what + " requested by user."
	}
	return ". " + what + " requested by user."
}

// deleting says that something is being deleted.
func (p *step) deleting() bool {
	return slices.ContainsFunc(p.Removals, func(m *Removal) bool { return m.Work != nil })
}

// rest leaves a failed operation as it is. What it changed can still be undone.
func (p *step) rest(status Status, reason string) {
	p.enter(status, reason)
	p.Phase, p.Trouble = PhaseIdle, ""
	p.FailedCreate, p.FailedUpdate = nil, nil
	for _, r := range slices.Clone(p.Resources) {
		if r.Visit == waiting && r.Is.PhysicalID == "" {
			p.drop(r.ID) // it was never begun
		}
	}
}

// beginRevert sets up the way back of an update.
func (p *step) beginRevert() {
	p.Phase = PhaseRevert
	p.FailedCreate, p.FailedUpdate, p.FailedDelete = nil, nil, nil
	p.Deadline, p.Watched = time.Time{}, time.Time{}
	for _, r := range slices.Clone(p.Resources) {
		p.mark(r.ID)
		switch {
		case r.Visit == unvisited && r.Was == nil:
		case r.Visit == waiting && r.Was == nil && r.Is.PhysicalID == "":
			p.drop(r.ID) // it was never begun
		case r.Was == nil:
			r.Visit = unvisited
		case r.isNew():
			r.Visit = done // the tidying deletes it
		case r.Visit == failed, strings.HasSuffix(r.Status, "_FAILED"), !p.unchanged(r):
			r.Visit = waiting
		default:
			r.Is, r.Was, r.Visit = *r.Was, nil, unvisited
		}
	}
}

// unchanged says that a resource is still, or again, what it was.
func (p *step) unchanged(r *Resource) bool {
	if r.Tried != nil || r.Is.PhysicalID != r.Was.PhysicalID {
		return false
	}
	return p.design.Compare(r.Type, r.Was.Wanted, r.Is.Wanted) == Same
}

// revert gives resources back what they had, those first that others do not need.
//
// The needs of now are without circles, and so are those of before; both together
// may have one, when the update has turned a dependency around. Then those of now
// decide.
func (p *step) revert() {
	for moved, both := true, true; moved; {
		moved = false
		needed := p.needed(both)
		for _, r := range p.Resources {
			if r.Visit != waiting || needed[r.ID] {
				continue
			}
			p.mark(r.ID)
			if r.Is.PhysicalID != r.Was.PhysicalID {
				// The old one is still there.
				p.Left = append(p.Left, &Removal{ID: r.ID, Type: r.Type, Is: r.Is, Visit: waiting})
				r.Is = *r.Was
			}
			if p.unchanged(r) {
				r.Is, r.Visit, moved = *r.Was, done, true
				p.tell(r, string(UpdateComplete), r.Is.PhysicalID, "", r.Is.Wanted)
				continue
			}
			next := *r.Was
			r.Next, r.Work, r.Visit = &next, p.work(ActionUpdate, r.Is.PhysicalID, true), running
			p.tell(r, string(UpdateInProgress), r.Is.PhysicalID, "", next.Wanted)
		}
		if both && !moved && !p.busy() && len(p.FailedUpdate) == 0 {
			moved, both = true, false
		}
	}
	if p.busy() {
		return
	}
	if len(p.FailedUpdate) > 0 {
		p.enter(UpdateRollbackFailed, p.failures())
		p.Phase = PhaseIdle
		return
	}
	p.beginTidy()
}

// needed returns what the resources on their way back need now, or, with both, also
// what they needed before; by way of others too.
func (p *step) needed(both bool) map[string]bool {
	needed := map[string]bool{}
	var follow func(r *Resource)
	follow = func(r *Resource) {
		after := r.Is.After
		if both && r.Was != nil {
			after = slices.Concat(after, r.Was.After)
		}
		for _, id := range after {
			if needed[id] {
				continue
			}
			needed[id] = true
			if other := p.Resource(id); other != nil {
				follow(other)
			}
		}
	}
	for _, r := range p.Resources {
		if r.Visit == waiting || r.Visit == running || r.Visit == failed {
			follow(r)
		}
	}
	return needed
}

// reverted ends the way back of one resource.
func (p *step) reverted(r *Resource, in Report) {
	if in.Failure != "" {
		p.FailedUpdate = append(p.FailedUpdate, r.ID)
		p.tell(r, string(UpdateFailed), r.Is.PhysicalID, in.Failure, r.Next.Wanted)
		r.Visit, r.Next, r.Work = failed, nil, nil
		return
	}
	r.Is = *r.Was
	if in.Attributes != nil {
		r.Is.Attributes = in.Attributes
	}
	r.Visit, r.Next, r.Work, r.Tried = done, nil, nil, nil
	p.tell(r, string(UpdateComplete), r.Is.PhysicalID, "", r.Is.Wanted)
}

// resumeRevert goes on with a way back on which resources failed.
func (p *step) resumeRevert(skip []string) {
	p.enter(UpdateRollbackInProgress, userInitiated)
	p.Phase, p.FailedUpdate = PhaseRevert, nil
	for _, r := range p.Resources {
		if r.Visit != failed {
			continue
		}
		r.Visit = waiting
		p.mark(r.ID)
		if slices.Contains(skip, r.ID) {
			p.tell(r, string(UpdateComplete), r.Is.PhysicalID, "", r.Is.Wanted)
			r.Visit = done
		}
	}
}

// beginTidy sets up the deletion of what an update made that was turned back.
func (p *step) beginTidy() {
	p.enter(UpdateRollbackCompleteCleanupInProgress, "")
	p.Phase = PhaseTidy
	p.Removals, p.Left = p.Left, nil
	for _, r := range slices.Clone(p.Resources) {
		if !r.isNew() {
			continue
		}
		if r.Is.PhysicalID == "" {
			p.tell(r, string(DeleteComplete), "", "", r.Is.Wanted)
			p.drop(r.ID)
			continue
		}
		p.Removals = append(p.Removals, p.removal(r, true))
	}
}

// beginUndo sets up the deletion of what a creation made that was turned back.
func (p *step) beginUndo() {
	p.Phase = PhaseUndo
	p.FailedCreate, p.FailedUpdate, p.FailedDelete = nil, nil, nil
	p.Outputs = nil
	p.beginRemoval(true)
}

// beginDelete sets up the deletion of the stack.
func (p *step) beginDelete() {
	p.Phase = PhaseDelete
	p.FailedCreate, p.FailedUpdate, p.FailedDelete = nil, nil, nil
	p.beginRemoval(false)
}

// beginRemoval takes all resources in.
func (p *step) beginRemoval(undo bool) {
	left := p.Left
	for _, m := range p.Removals {
		if !m.Current && m.Visit != done {
			m.Visit, m.Tries = waiting, 0
			left = append(left, m)
		}
	}
	p.Removals, p.Left = left, nil
	for _, r := range slices.Clone(p.Resources) {
		switch {
		case r.Status == string(DeleteComplete), r.Status == deleteSkipped:
		case r.Is.PhysicalID == "" && r.Status == "":
			p.drop(r.ID)
		case r.Is.PhysicalID == "":
			p.tell(r, string(DeleteComplete), "", "", r.Is.Wanted)
		default:
			p.Removals = append(p.Removals, p.removal(r, undo))
		}
		r.Visit = unvisited
		// A replacement under way leaves two: the old one is not the stack's
		// resource any more.
		p.removeFormer(r)
		r.Was = nil
		p.mark(r.ID)
	}
}

// removal is the removal of what the stack has under an id. undo says that the
// operation that made it is turned back.
func (p *step) removal(r *Resource, undo bool) *Removal {
	keep := keeps(r.Is.Deletion)
	if undo && (p.Options.DropNew || r.Is.Deletion == PolicyRetainExceptOnCreate) {
		keep = false
	}
	if slices.Contains(p.Retain, r.ID) {
		keep = true
	}
	return &Removal{ID: r.ID, Type: r.Type, Is: r.Is, Keep: keep, Current: true, Visit: waiting}
}
