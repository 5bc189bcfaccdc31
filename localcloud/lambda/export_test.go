package lambda

// Idle waits until no asynchronous invocation is under way.
func (s *Service) Idle() { s.calls.Wait() }
