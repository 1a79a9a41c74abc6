package desired

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// convert makes an apply configuration of a type of the API, or the other way round. Both
// are the same JSON; what one has and the other has not is an error, since it would be
// dropped: a user's Pods would stand elsewhere than they said.
func convert[T, F any](from *F) (*T, error) {
	encoded, err := json.Marshal(from)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", *from, err)
	}
	to := new(T)
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return nil, fmt.Errorf("make a %T of %T: %w", *to, *from, err)
	}
	return to, nil
}

// convertAll converts a list.
func convertAll[T, F any](from []F) ([]*T, error) {
	list := make([]*T, len(from))
	for i := range from {
		to, err := convert[T](&from[i])
		if err != nil {
			return nil, err
		}
		list[i] = to
	}
	return list, nil
}
