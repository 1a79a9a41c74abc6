package proxy

// paused reports whether anything had to be waited for since it was asked last.
func (s *socket) paused() bool {
	if s == nil {
		return false
	}
	waited := s.waited
	s.waited = false
	return waited
}
