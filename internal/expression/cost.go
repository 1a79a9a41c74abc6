package expression

import (
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// costs charges calls by the size of what they look at. CEL's own charges go by
// overloads, which are not known of values whose type is not known before.
type costs struct{}

// The units of cost: a step is one, and so is the look at so many bytes.
const (
	bytesPerUnit    = 10
	patternPerUnit  = 4
	unwrappedPerOne = 2 // bytes of a container all of whose numbers are unwrapped
)

// CallCost implements interpreter.ActualCostEstimator.
func (costs) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	cost := uint64(1)
	switch function {
	case scalar:
		cost = 0
	case deep:
		cost += weight(args[0]) / unwrappedPerOne
	case overloads.Matches:
		text, pattern := weight(args[0]), weight(args[len(args)-1])
		cost += (text/bytesPerUnit + 1) * (pattern/patternPerUnit + 1)
	default:
		for _, a := range args {
			switch a.(type) {
			case types.String, types.Bytes:
				cost += weight(a) / bytesPerUnit
			}
		}
	}
	return &cost
}

// weight is about the number of bytes of a value.
func weight(v ref.Val) uint64 {
	switch v := v.(type) {
	case *object:
		return uint64(len(v.raw))
	case *array:
		return uint64(len(v.raw))
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	case traits.Sizer:
		n, _ := v.Size().(types.Int)
		return 16 * uint64(max(n, 0))
	}
	return 8
}
