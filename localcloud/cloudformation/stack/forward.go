package stack

import (
	"slices"
	"strings"
	"time"
)

// advance does all that can be done now, until what is left waits for reports or
// for time.
func (p *step) advance() {
	for {
		phase := p.Phase
		switch phase {
		case PhaseForward:
			p.forward()
		case PhaseDrain:
			p.drain()
		case PhaseRevert:
			p.revert()
		case PhaseCleanup, PhaseTidy, PhaseUndo, PhaseDelete:
			p.remove()
		case PhaseMonitor, PhaseIdle:
		}
		if p.Phase == phase {
			return
		}
	}
}

// forward starts every resource whose needs are met.
func (p *step) forward() {
	declared := p.design.Resources()
	for moved := true; moved; {
		moved = false
		for i := range declared {
			r := p.Resource(declared[i].ID)
			if r.Visit != waiting || !p.ready(declared[i].After) {
				continue
			}
			p.visit(r, declared[i])
			if p.Phase != PhaseForward {
				return
			}
			// What was as it should be lets others go on at once.
			moved = moved || r.Visit == done
		}
	}
	if p.busy() {
		return
	}
	switch {
	case len(p.FailedCreate)+len(p.FailedUpdate) > 0:
		p.Trouble, p.Phase = resourcesFailed, PhaseDrain
	case p.Options.Monitor > 0:
		p.Phase, p.Watched = PhaseMonitor, p.now.Add(p.Options.Monitor)
	default:
		p.finish()
	}
}

// ready says that all resources with these ids are as they should be.
func (p *step) ready(ids []string) bool {
	for _, id := range ids {
		if r := p.Resource(id); r == nil || r.Visit != done {
			return false
		}
	}
	return true
}

// busy says that a provider was asked for something and is not done.
func (p *step) busy() bool {
	for _, r := range p.Resources {
		if r.Work != nil {
			return true
		}
	}
	return false
}

// visit begins what one resource needs.
func (p *step) visit(r *Resource, d Declaration) {
	p.mark(r.ID)
	r.touch()
	wanted, err := p.design.Resolve(d.ID, p.there)
	if err != nil {
		if r.Is.PhysicalID == "" {
			p.tell(r, string(CreateInProgress), "", "", wanted)
		} else {
			p.tell(r, string(UpdateInProgress), r.Is.PhysicalID, "", wanted)
		}
		p.fail(r, err.Error())
		r.Visit = failed
		p.stop()
		return
	}
	next := Version{Wanted: wanted, After: d.After, On: p.on(d.After), Deletion: d.Deletion, Replace: d.Replace}
	change := Anew
	if r.Is.PhysicalID != "" && r.Type == d.Type {
		change = p.design.Compare(d.Type, r.Is.Wanted, wanted)
	}
	if r.Tried != nil && change == Same {
		change = InPlace
	}
	switch {
	case r.Is.PhysicalID == "":
		r.Next, r.Work, r.Visit = &next, p.work(ActionCreate, "", false), running
		p.tell(r, string(CreateInProgress), "", "", wanted)
	case change == Anew:
		p.tell(r, string(UpdateInProgress), r.Is.PhysicalID,
			"Requested update requires the creation of a new physical resource; hence creating one.", wanted)
		r.Next, r.Work, r.Visit = &next, p.work(ActionCreate, "", false), running
	case change == InPlace:
		p.tell(r, string(UpdateInProgress), r.Is.PhysicalID, "", wanted)
		r.Next, r.Work, r.Visit = &next, p.work(ActionUpdate, r.Is.PhysicalID, false), running
	default:
		next.PhysicalID, next.Attributes = r.Is.PhysicalID, r.Is.Attributes
		r.Is, r.Visit = next, done
		if strings.HasSuffix(r.Status, "_FAILED") {
			// An operation before this one failed with it and left nothing behind.
			p.tell(r, string(UpdateComplete), r.Is.PhysicalID, "", wanted)
		}
	}
}

// on returns the physical ids of resources that are there.
func (p *step) on(ids []string) map[string]string {
	var on map[string]string
	for _, id := range ids {
		if there, ok := p.there(id); ok {
			if on == nil {
				on = make(map[string]string, len(ids))
			}
			on[id] = there.ID
		}
	}
	return on
}

// finish ends a walk forward on which everything went well.
func (p *step) finish() {
	p.Watched, p.Deadline = time.Time{}, time.Time{}
	outputs, err := p.design.Conclude(p.there)
	if err != nil {
		p.Trouble, p.Phase = err.Error(), PhaseDrain
		return
	}
	p.Outputs = outputs
	p.Removals, p.Left = p.Left, nil
	if p.Creating {
		p.enter(CreateComplete, "")
		p.settle()
		return
	}
	declared := map[string]bool{}
	for _, d := range p.design.Resources() {
		declared[d.ID] = true
	}
	for _, r := range slices.Clone(p.Resources) {
		p.removeFormer(r)
		switch {
		case declared[r.ID]:
		case r.Is.PhysicalID == "":
			p.drop(r.ID)
		default:
			p.Removals = append(p.Removals, &Removal{ID: r.ID, Type: r.Type, Is: r.Is, Keep: keeps(r.Is.Deletion), Current: true, Visit: waiting})
		}
	}
	p.enter(UpdateCompleteCleanupInProgress, "")
	p.Phase = PhaseCleanup
}

// settle forgets what only an operation needs to know.
func (p *step) settle() {
	p.Phase, p.Creating, p.Options, p.Trouble = PhaseIdle, false, Options{}, ""
	p.Removals, p.Retain = nil, nil
	p.Deadline, p.Watched = time.Time{}, time.Time{}
	p.FailedCreate, p.FailedUpdate, p.FailedDelete = nil, nil, nil
	for _, r := range p.Resources {
		if r.Was != nil || r.Visit != unvisited {
			r.Was, r.Visit, r.Rested, r.Tried = nil, unvisited, nil, nil
			p.mark(r.ID)
		}
	}
}

// keeps says that a policy leaves a resource alone that is no longer wanted.
func keeps(p Policy) bool { return p == PolicyRetain || p == PolicyRetainExceptOnCreate }

// failures says in AWS's words which resources failed.
func (p *step) failures() string {
	var b strings.Builder
	for _, f := range []struct {
		verb string
		ids  []string
	}{{"create", p.FailedCreate}, {"update", p.FailedUpdate}, {"delete", p.FailedDelete}} {
		if len(f.ids) > 0 {
			b.WriteString("The following resource(s) failed to " + f.verb + ": [" + strings.Join(f.ids, ", ") + "]. ")
		}
	}
	return b.String()
}
