package stack

import (
	"slices"
	"time"
)

const (
	// removalTries is how often a cleanup tries to delete something. A cleanup
	// that cannot delete everything does not undo the update.
	removalTries = 3
	// removalPause lies between two tries.
	removalPause = 5 * time.Second
)

// remove starts to delete what nothing else needs any more.
func (p *step) remove() {
	// What stood under an id before and what stands there now are two things, and an
	// update may have turned a dependency around.
	type thing struct{ id, physical string }
	for moved := true; moved; {
		moved = false
		needed := map[thing]bool{}
		for _, m := range p.Removals {
			if m.Visit != done {
				for id, physical := range m.Is.On {
					needed[thing{id, physical}] = true
				}
			}
		}
		for _, m := range p.Removals {
			if m.Visit != waiting || needed[thing{m.ID, m.Is.PhysicalID}] {
				continue
			}
			if m.Keep {
				m.Visit, moved = done, true
				p.tellRemoval(m, deleteSkipped, "")
				p.forget(m)
				continue
			}
			m.Visit, m.Work = running, p.work(ActionDelete, m.Is.PhysicalID, p.Phase == PhaseUndo || p.Phase == PhaseTidy)
			p.tellRemoval(m, string(DeleteInProgress), "")
		}
	}
	if p.deleting() {
		return
	}
	stuck := slices.ContainsFunc(p.Removals, func(m *Removal) bool { return m.Visit != done })
	switch p.Phase {
	case PhaseCleanup:
		reason := ""
		if stuck {
			reason = "Update successful. One or more resources could not be deleted."
		}
		p.enter(UpdateComplete, reason)
		p.abandon()
	case PhaseTidy:
		reason := ""
		if stuck {
			reason = "One or more resources that the update had made could not be deleted."
		}
		p.enter(UpdateRollbackComplete, reason)
		p.abandon()
	case PhaseUndo:
		p.end(stuck, RollbackComplete, RollbackFailed)
	default:
		p.end(stuck, DeleteComplete, DeleteFailed)
	}
}

// removeFormer plans the removal of what a replacement took the place of, if one did.
func (p *step) removeFormer(r *Resource) {
	if r.Was == nil || r.Was.PhysicalID == "" || r.Was.PhysicalID == r.Is.PhysicalID {
		return
	}
	was := *r.Was
	was.On = r.Rested
	p.Removals = append(p.Removals, &Removal{ID: r.ID, Type: r.Type, Is: was, Keep: keeps(was.Replace), Visit: waiting})
}

// end is the last status of a deletion.
func (p *step) end(stuck bool, well, ill Status) {
	if stuck {
		p.enter(ill, p.failures())
		p.Phase, p.Trouble, p.Creating = PhaseIdle, "", false
		p.FailedDelete = nil
		return
	}
	p.enter(well, "")
	p.settle()
}

// abandon ends a cleanup: what could not be deleted is no longer the stack's.
func (p *step) abandon() {
	for _, m := range p.Removals {
		if m.Visit != done {
			p.forget(m)
		}
	}
	p.settle()
}

// forget takes what is deleted out of the stack. A stack that is being deleted
// still shows its resources.
func (p *step) forget(m *Removal) {
	if m.Current && (p.Phase == PhaseCleanup || p.Phase == PhaseTidy) {
		p.drop(m.ID)
	}
}

// tellRemoval gives what is deleted a status and says so.
func (p *step) tellRemoval(m *Removal, status, reason string) {
	if m.Current {
		if r := p.Resource(m.ID); r != nil {
			p.tell(r, status, m.Is.PhysicalID, reason, m.Is.Wanted)
			return
		}
	}
	p.events = append(p.events, Event{
		Time: p.now, ID: m.ID, Type: m.Type, PhysicalID: m.Is.PhysicalID, Status: status, Reason: reason, Former: true,
	})
}

// removed takes in what became of a deletion.
func (p *step) removed(m *Removal, in Report) {
	switch {
	case in.Failure != "":
		p.tellRemoval(m, string(DeleteFailed), in.Failure)
		m.Tries++
		if (p.Phase == PhaseCleanup || p.Phase == PhaseTidy) && m.Tries < removalTries {
			m.Work = p.work(ActionDelete, m.Is.PhysicalID, m.Work.Rollback)
			m.Work.At = p.now.Add(removalPause)
			return
		}
		m.Visit, m.Work = failed, nil
		p.FailedDelete = append(p.FailedDelete, m.ID)
	case in.Again > 0:
		m.Work.Memo, m.Work.At = in.Memo, p.now.Add(in.Again)
	default:
		m.Visit, m.Work = done, nil
		p.tellRemoval(m, string(DeleteComplete), "")
		p.forget(m)
	}
}
