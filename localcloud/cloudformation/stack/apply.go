package stack

import (
	"slices"
	"time"

	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// An Input is something that happened to a stack.
type Input interface{ isInput() }

type (
	// Create begins to create the stack.
	Create struct{ Options Options }

	// Update begins to make the stack what the design wants. The status is one
	// that is Updatable.
	Update struct{ Options Options }

	// Delete begins to delete the stack. The status is Deletable.
	Delete struct {
		// Retain names resources to leave alone.
		Retain []string
	}

	// Rollback begins to undo an operation that failed and was left as it was:
	// the status is CreateFailed or UpdateFailed.
	Rollback struct{ DropNew bool }

	// ContinueRollback goes on with a rollback of an update that failed. The
	// status is UpdateRollbackFailed.
	ContinueRollback struct {
		// Skip names resources that are left as they are.
		Skip []string
	}

	// Cancel turns an update back. The status is UpdateInProgress.
	Cancel struct{}

	// Alarm turns the operation back because of what was watched. It has no
	// effect when the stack is already on its way back or at rest.
	Alarm struct{ Reason string }

	// Report is what a provider answered to a [Call].
	Report struct {
		Token      string
		PhysicalID string
		Attributes map[string]jsonvalue.Value
		Memo       string
		// Again is when the provider wants to be asked next; 0 means that it
		// is done.
		Again time.Duration
		// Waits is what it waits for beside its own time; "" for nothing.
		Waits string
		// Failure is why it could not be done, "" when it could.
		Failure string
		// Cancelled is what the Call said: a provider that was not told is
		// asked again at once.
		Cancelled bool
		// Note is what there is to say of what was done.
		Note string
	}

	// Tick says that time has passed.
	Tick struct{}
)

func (Create) isInput()           {}
func (Update) isInput()           {}
func (Delete) isInput()           {}
func (Rollback) isInput()         {}
func (ContinueRollback) isInput() {}
func (Cancel) isInput()           {}
func (Alarm) isInput()            {}
func (Report) isInput()           {}
func (Tick) isInput()             {}

// userInitiated is AWS's reason for what somebody asked for.
const userInitiated = "User Initiated"

// Apply takes one input in at a time and changes the state. design is that of the
// operation that goes on or begins; for a deletion it may be nil.
// The caller has asked whether the status allows the input.
func (s *State) Apply(design Design, in Input, now time.Time) Outcome {
	p := &step{State: s, design: design, now: now, changed: map[string]bool{}}
	switch in := in.(type) {
	case Create:
		p.begin(in.Options, true)
		p.enter(CreateInProgress, userInitiated)
	case Update:
		p.begin(in.Options, false)
		p.enter(UpdateInProgress, userInitiated)
	case Delete:
		p.Retain = in.Retain
		p.enter(DeleteInProgress, userInitiated)
		p.Trouble = userInitiated
		p.cancel()
		p.Phase = PhaseDrain
	case Rollback:
		p.Options = Options{DropNew: in.DropNew}
		p.Trouble, p.Phase = userInitiated, PhaseDrain
	case ContinueRollback:
		p.resumeRevert(in.Skip)
	case Cancel:
		p.turn(userInitiated)
	case Alarm:
		p.turn(in.Reason)
	case Report:
		p.report(in)
	case Tick:
		p.tick()
	}
	p.advance()
	return p.outcome()
}

// begin sets up the walk forward.
func (p *step) begin(options Options, creating bool) {
	p.Phase, p.Options, p.Creating = PhaseForward, options, creating
	p.Trouble, p.FailedCreate, p.FailedUpdate, p.FailedDelete, p.Retain = "", nil, nil, nil, nil
	p.Deadline, p.Watched = time.Time{}, time.Time{}
	if options.Timeout > 0 {
		p.Deadline = p.now.Add(options.Timeout)
	}
	for _, r := range p.Resources {
		if r.Visit != unvisited {
			r.Visit = unvisited
			p.mark(r.ID)
		}
	}
	for _, d := range p.design.Resources() {
		i, found := p.find(d.ID)
		if !found {
			p.Resources = slices.Insert(p.Resources, i, &Resource{ID: d.ID, Type: d.Type})
		}
		r := p.Resources[i]
		r.Visit = waiting
		if r.Status == string(CreateFailed) && r.Is.PhysicalID != "" {
			// Half made by an operation that was left as it was: it makes way.
			p.Left = append(p.Left, &Removal{ID: r.ID, Type: r.Type, Is: r.Is, Visit: waiting})
			r.Is = Version{}
		}
		p.mark(d.ID)
	}
}

// turn makes the operation go back, unless it already does.
func (p *step) turn(reason string) {
	if p.Trouble != "" || p.Phase != PhaseForward && p.Phase != PhaseMonitor {
		return
	}
	p.Trouble = reason
	p.cancel()
	p.Phase = PhaseDrain
}

// cancel tells what is under way that it is no longer wanted.
func (p *step) cancel() {
	for _, r := range p.Resources {
		if r.Work == nil || r.Work.Cancelled {
			continue
		}
		r.Work.Cancelled, r.Work.At = true, p.now
		p.mark(r.ID)
		if p.Phase == PhaseForward {
			if r.Work.Action == ActionCreate && r.Is.PhysicalID == "" {
				p.fail(r, "Resource creation cancelled")
			} else {
				p.fail(r, "Resource update cancelled")
			}
		}
	}
}

// fail gives a resource of the walk forward its failed status.
func (p *step) fail(r *Resource, reason string) {
	of := r.Is.Wanted
	if r.Next != nil {
		of = r.Next.Wanted
	}
	if r.Is.PhysicalID == "" {
		p.FailedCreate = append(p.FailedCreate, r.ID)
		p.tell(r, string(CreateFailed), r.PhysicalID(), reason, of)
		return
	}
	p.FailedUpdate = append(p.FailedUpdate, r.ID)
	p.tell(r, string(UpdateFailed), r.Is.PhysicalID, reason, of)
}

// tick does what the time has come for.
func (p *step) tick() {
	switch at := p.Wait(); {
	case at.IsZero() || p.now.Before(at):
	case p.Phase == PhaseForward:
		p.turn("Stack creation time exceeded the specified timeout")
	case p.Phase == PhaseMonitor:
		p.finish()
	}
}

// report takes a provider's answer in.
func (p *step) report(in Report) {
	for _, r := range p.Resources {
		if r.Work != nil && r.Work.Token == in.Token {
			p.mark(r.ID)
			p.progress(r, in)
			return
		}
	}
	for _, m := range p.Removals {
		if m.Work != nil && m.Work.Token == in.Token {
			p.removed(m, in)
			return
		}
	}
	// An answer that came twice: the first one counted.
}

// progress takes in what became of a resource that is made or changed.
func (p *step) progress(r *Resource, in Report) {
	w := r.Work
	if in.PhysicalID != "" {
		w.PhysicalID = in.PhysicalID
	}
	if w.Action == ActionCreate && w.PhysicalID != "" && !w.Announced && !w.Cancelled && in.Failure == "" {
		w.Announced = true
		status := string(CreateInProgress)
		if r.Is.PhysicalID != "" {
			status = string(UpdateInProgress)
		}
		p.tell(r, status, w.PhysicalID, "Resource creation Initiated", r.Next.Wanted)
	}
	if in.Failure == "" && in.Again > 0 {
		w.Memo, w.At = in.Memo, p.now.Add(in.Again)
		switch {
		case w.Cancelled && !in.Cancelled:
			w.At = p.now
		case w.Waits != in.Waits && !w.Cancelled:
			w.Waits = in.Waits
			p.tell(r, r.Status, r.PhysicalID(), w.Waits, r.Next.Wanted)
		}
		return
	}
	if p.Phase == PhaseRevert {
		p.reverted(r, in)
		return
	}
	if in.Failure != "" {
		p.gaveUp(r, in.Failure)
		return
	}
	p.made(r, in)
}

// made ends the work on a resource that is as it was wanted.
func (p *step) made(r *Resource, in Report) {
	w, next := r.Work, r.Next
	next.PhysicalID, next.Attributes = w.PhysicalID, in.Attributes
	status := UpdateComplete
	if r.Is.PhysicalID == "" {
		status = CreateComplete
	} else if next.PhysicalID != r.Is.PhysicalID {
		p.leave(r)
	} else {
		r.Tried = nil
	}
	r.Is, r.Next, r.Work = *next, nil, nil
	if w.Cancelled {
		r.Visit = failed
		return
	}
	r.Visit = done
	p.tell(r, string(status), r.Is.PhysicalID, in.Note, r.Is.Wanted)
}

// leave puts aside what a replacement took the place of, unless a rollback would
// need it.
func (p *step) leave(r *Resource) {
	if r.Was.PhysicalID == r.Is.PhysicalID {
		r.Rested = r.Is.On
		if r.Tried == nil && !p.unchanged(r) {
			was := r.Is.Wanted
			r.Tried = &was // by an operation before this one, which failed
		}
		return
	}
	p.Left = append(p.Left, &Removal{ID: r.ID, Type: r.Type, Is: r.Is, Visit: waiting})
}

// gaveUp ends the work on a resource that could not be made or changed.
func (p *step) gaveUp(r *Resource, reason string) {
	w := r.Work
	if !w.Cancelled {
		p.fail(r, reason)
	}
	switch half := w.PhysicalID; {
	case w.Action == ActionUpdate:
		r.doubt(r.Next.Wanted)
	case half == "":
	case r.Is.PhysicalID == "":
		// What is half made is deleted as if it were whole.
		next := *r.Next
		next.PhysicalID = half
		r.Is = next
	default:
		next := *r.Next
		next.PhysicalID = half
		p.Left = append(p.Left, &Removal{ID: r.ID, Type: r.Type, Is: next, Visit: waiting})
	}
	r.Visit, r.Next, r.Work = failed, nil, nil
	p.stop()
}

// stop has one resource's failure end the operation, at once or, where
// everything is to be left as it is, when nothing else can be done.
func (p *step) stop() {
	if p.Phase == PhaseForward && !p.Options.KeepFailed {
		p.cancel()
		p.Trouble, p.Phase = resourcesFailed, PhaseDrain
	}
}

// resourcesFailed is the trouble of which the failed resources are the reason.
const resourcesFailed = "resources failed"
