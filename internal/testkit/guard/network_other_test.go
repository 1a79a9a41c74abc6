//go:build !linux

package guard_test

import "testing"

const inside = "GUARD_INSIDE"

func within(*testing.T, string) (string, bool) { return "networks of one's own are Linux's", false }

func settleIn(t *testing.T, _ ...string) { t.Fatal("networks of one's own are Linux's") }
