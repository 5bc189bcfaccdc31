package asl

// expressionsOf returns every expression of a state, without those of the states inside.
// Some may be nil.
func expressionsOf(s State) []Expression {
	c := s.Base()
	list := []Expression{c.InputPath, c.OutputPath, c.Output}
	list = appendAssigned(list, c.Assign)
	switch s := s.(type) {
	case *Pass:
		list = append(list, s.Parameters)
	case *Task:
		list = append(list, s.Input, s.ResultSelector, s.RoleARN,
			s.TimeoutSeconds, s.TimeoutSecondsPath, s.HeartbeatSeconds, s.HeartbeatSecondsPath)
	case *Choice:
		for _, r := range s.Rules {
			list = append(list, r.Output)
			list = appendAssigned(list, r.Assign)
			list = appendCondition(list, r.Condition)
		}
	case *Wait:
		list = append(list, s.Seconds, s.SecondsPath, s.Timestamp, s.TimestampPath)
	case *Succeed:
	case *Fail:
		list = append(list, s.Error, s.ErrorPath, s.Cause, s.CausePath)
	case *Parallel:
		list = append(list, s.Input, s.ResultSelector)
	case *Map:
		list = append(list, s.ItemsPath, s.Items, s.ItemSelector, s.ResultSelector,
			s.MaxConcurrency, s.MaxConcurrencyPath,
			s.ToleratedFailureCount, s.ToleratedFailureCountPath,
			s.ToleratedFailurePercentage, s.ToleratedFailurePercentagePath)
		if r := s.ItemReader; r != nil {
			list = append(list, r.Input, r.MaxItems, r.MaxItemsPath)
		}
		if b := s.ItemBatcher; b != nil {
			list = append(list, b.BatchInput, b.MaxItemsPerBatch, b.MaxItemsPerBatchPath,
				b.MaxInputBytesPerBatch, b.MaxInputBytesPerBatchPath)
		}
		if w := s.ResultWriter; w != nil {
			list = append(list, w.Input)
		}
	default:
		panic("asl: state of unknown type " + s.Type())
	}
	for _, h := range HandlersOf(s).Catch {
		list = append(list, h.Output)
		list = appendAssigned(list, h.Assign)
	}
	return list
}

func appendAssigned(list []Expression, as []Assignment) []Expression {
	for _, a := range as {
		list = append(list, a.Value)
	}
	return list
}

func appendCondition(list []Expression, c Condition) []Expression {
	switch c := c.(type) {
	case And:
		for _, inner := range c {
			list = appendCondition(list, inner)
		}
	case Or:
		for _, inner := range c {
			list = appendCondition(list, inner)
		}
	case Not:
		list = appendCondition(list, c.Condition)
	case Test:
		list = append(list, c.Expression)
	case *Comparison:
		list = append(list, c.Variable, c.Path)
	}
	return list
}
