package creds

// Snapshot returns the values that what there is was made of.
func (d *Derived[T]) Snapshot() (*Snapshot, error) {
	_, err := d.Get()
	return d.current.Load().snapshot(), err
}

// Values returns all values but the reserved ones, by key.
func (s *Snapshot) Values() map[string]Value { return s.values }

// NewValue wraps a secret; outside of tests they come from files alone.
func NewValue(secret string) Value { return Value{secret} }
