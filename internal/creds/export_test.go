package creds

// NewValue wraps a secret; outside of tests they come from files alone.
func NewValue(secret string) Value { return Value{secret} }
