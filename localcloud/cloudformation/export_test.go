package cloudformation

// Settle waits until no provider is being asked any more.
func (s *Service) Settle() { s.calls.Wait() }
