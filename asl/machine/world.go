package machine

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/crossfade-dev/crossfade/asl"
	"github.com/crossfade-dev/crossfade/asl/jsonvalue"
)

// world is what the expressions of a frame's state see beyond the data at hand.
type world struct {
	r *run
	f *frame
	// item is the iteration that an ItemSelector makes the input of; else the frame's own
	// counts.
	item *frame
	// made is the context object once one evaluation has asked for it.
	made jsonvalue.Value
}

// look turns to a frame for one evaluation.
func (w *world) look(f *frame) { w.f, w.made = f, jsonvalue.Value{} }

func (w *world) Variable(name string) (jsonvalue.Value, bool) { return w.f.variable(name) }
func (w *world) Draw() float64                                { return w.r.x.float() }
func (w *world) Now() time.Time                               { return w.r.now }

// UUID draws a random UUID, version 4.
func (w *world) UUID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], w.r.x.draw())
	binary.BigEndian.PutUint64(raw[8:], w.r.x.draw())
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	text := hex.EncodeToString(raw[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// draw returns the next random number of the execution: splitmix64, whose whole state is one
// number that can be saved.
//
// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
func (x *Execution) draw() uint64 {
	x.draws += 0x9e3779b97f4a7c15
	z := x.draws
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// float returns a number that is uniform in [0, 1).
func (x *Execution) float() float64 { return float64(x.draw()>>11) / (1 << 53) }

// Context returns the context object.
func (w *world) Context() jsonvalue.Value {
	if !w.made.IsDefined() {
		w.made = w.context()
	}
	return w.made
}

// context makes the context object.
//
// Source: Step Functions Developer Guide, "Accessing execution data from the Context object".
func (w *world) context() jsonvalue.Value {
	if t := w.r.inspect; t != nil && t.Context.IsDefined() {
		return t.Context
	}
	x, f := w.r.x, w.f
	c := &x.start.Context
	id, name, input := c.ExecutionARN, c.ExecutionName, x.input.value
	machineID, machineName := c.StateMachineARN, c.StateMachineName
	if owner := f.owner(); owner != nil {
		name, input = owner.Child.Name, owner.parent.Group.Items.At(int(owner.Index))
		machineID += "/" + owner.Child.Label
		machineName += "/" + owner.Child.Label
		id = executionARN(machineID, name)
	}
	execution := []jsonvalue.Member{
		{Key: "Id", Value: jsonvalue.String(id)},
		{Key: "Input", Value: input},
		{Key: "StartTime", Value: timeValue(c.StartTime)},
		{Key: "Name", Value: jsonvalue.String(name)},
		{Key: "RoleArn", Value: roleValue(c.RoleARN)},
	}
	if !x.start.Express {
		execution = append(execution, jsonvalue.Member{Key: "RedriveCount", Value: jsonvalue.Int(c.RedriveCount)})
	}
	if !c.RedriveTime.IsZero() {
		execution = append(execution, jsonvalue.Member{Key: "RedriveTime", Value: timeValue(c.RedriveTime)})
	}
	members := []jsonvalue.Member{
		{Key: "Execution", Value: jsonvalue.ObjectOf(execution...)},
		{Key: "StateMachine", Value: jsonvalue.ObjectOf(
			jsonvalue.Member{Key: "Id", Value: jsonvalue.String(machineID)},
			jsonvalue.Member{Key: "Name", Value: jsonvalue.String(machineName)},
		)},
		{Key: "State", Value: w.state()},
	}
	if f.Task != nil && f.Task.Token != "" {
		members = append(members, jsonvalue.Member{Key: "Task", Value: jsonvalue.ObjectOf(
			jsonvalue.Member{Key: "Token", Value: jsonvalue.String(f.Task.Token)})})
	}
	if item, ok := w.mapItem(); ok {
		members = append(members, jsonvalue.Member{Key: "Map", Value: jsonvalue.ObjectOf(
			jsonvalue.Member{Key: "Item", Value: item})})
	}
	return jsonvalue.ObjectOf(members...)
}

func (w *world) state() jsonvalue.Value {
	s := w.r.state(w.f)
	name := s.common.Name
	if w.r.inspect != nil {
		name = asl.TestedName
	}
	members := []jsonvalue.Member{
		{Key: "Name", Value: jsonvalue.String(name)},
		{Key: "EnteredTime", Value: timeValue(w.f.EnteredAt)},
	}
	if s.kind.id == taskState || s.kind.id == parallelState || s.kind.id == mapState {
		members = append(members, jsonvalue.Member{Key: "RetryCount", Value: jsonvalue.Int(int64(w.f.Retried))})
	}
	return jsonvalue.ObjectOf(members...)
}

// mapItem returns the item of the innermost iteration around the frame.
func (w *world) mapItem() (jsonvalue.Value, bool) {
	f := w.f
	if w.item != nil {
		f = w.item
	}
	for ; f != nil; f = f.parent {
		if f.Child != nil {
			break
		}
		if f.Item != nil {
			return jsonvalue.ObjectOf(
				jsonvalue.Member{Key: "Index", Value: jsonvalue.Int(int64(f.Index))},
				jsonvalue.Member{Key: "Value", Value: f.Item.Value},
			), true
		}
	}
	return jsonvalue.Value{}, false
}

// roleValue returns a role; a test may have none.
func roleValue(arn string) jsonvalue.Value {
	if arn == "" {
		return jsonvalue.Null()
	}
	return jsonvalue.String(arn)
}

func timeValue(t time.Time) jsonvalue.Value {
	return jsonvalue.String(t.UTC().Format("2006-01-02T15:04:05.000Z"))
}
