package controllers

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What the cache notes of a child instead of keeping it. No annotation of an API server has
// a space in its name.
const (
	oursNote     = " ours"     // in hex
	unreadNote   = " unread"   // why ours could not be read
	documentNote = " document" // hash of the one that a ConfigMap holds
)

// ours names what of a live object our field manager has applied, by its managed fields, in the
// form of an intent. client-go's own reading of them checks the whole object against a
// schema, 1.6 ms each (measured), which was a quarter of the CPU of a start.
func (k childKind) ours(object client.Object) (sum, error) {
	if unread, ok := object.GetAnnotations()[unreadNote]; ok {
		return sum{}, errors.New(unread)
	}
	if noted, ok := object.GetAnnotations()[oursNote]; ok {
		var of sum
		if _, err := hex.Decode(of[:], []byte(noted)); err != nil {
			return sum{}, fmt.Errorf("read note: %w", err)
		}
		return of, nil
	}
	intent := k.blank(object.GetName(), object.GetNamespace())
	list := object.GetManagedFields()
	object.SetManagedFields(nil) // not shared before it is noted; they are half of the work, and none of ours
	defer object.SetManagedFields(list)
	for _, entry := range list {
		if !applies(&entry) {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
			return sum{}, fmt.Errorf("read managed fields: %w", err)
		}
		whole, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return sum{}, fmt.Errorf("read object: %w", err)
		}
		picked, err := pick(fields, whole)
		if err != nil {
			return sum{}, fmt.Errorf("extract: %w", err)
		}
		if err := convert(picked, intent); err != nil {
			return sum{}, fmt.Errorf("extract: %w", err)
		}
	}
	_, of, err := digest(intent)
	return of, err
}

// applies reports whether an entry is of what we have applied.
func applies(entry *metav1.ManagedFieldsEntry) bool {
	return entry.Manager == string(fieldManager) && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == "" && entry.FieldsV1 != nil
}

// pick returns what of a value a set of fields names: a set without any is of all of it.
func pick(fields map[string]any, of any) (any, error) {
	if len(fields) == 0 {
		return of, nil
	}
	switch of := of.(type) {
	case map[string]any:
		return pickMembers(fields, of)
	case []any:
		return pickItems(fields, of)
	}
	return of, nil
}

func pickMembers(fields, of map[string]any) (any, error) {
	out := map[string]any{}
	for field, sub := range fields {
		name, ok := strings.CutPrefix(field, "f:")
		member, there := of[name]
		if !ok || !there {
			continue
		}
		below, _ := sub.(map[string]any)
		picked, err := pick(below, member)
		if err != nil {
			return nil, err
		}
		out[name] = picked
	}
	return out, nil
}

// pickItems finds items by their keys, or by what they are. One of ours that is there twice is
// an error: the API server takes such lists.
func pickItems(fields map[string]any, of []any) (any, error) {
	found := make([]any, len(of))
	for field, sub := range fields {
		kind, text, _ := strings.Cut(field, ":")
		if kind != "k" && kind != "v" {
			continue
		}
		var key any
		if err := json.Unmarshal([]byte(text), &key); err != nil {
			return nil, fmt.Errorf("read key of an item: %w", err)
		}
		at, twice := find(of, key)
		switch {
		case twice:
			return nil, fmt.Errorf("an item is there twice: %s", text)
		case at < 0:
			continue
		}
		below, _ := sub.(map[string]any)
		picked, err := pick(below, of[at])
		if err != nil {
			return nil, err
		}
		found[at] = picked
	}
	out := []any{}
	for _, item := range found {
		if item != nil {
			out = append(out, item)
		}
	}
	return out, nil
}

// find says where the item with a key is, -1 for nowhere, and whether there is another one.
func find(of []any, key any) (at int, twice bool) {
	at = -1
	for i, item := range of {
		if !hasKey(item, key) {
			continue
		}
		if at >= 0 {
			return at, true
		}
		at = i
	}
	return at, false
}

// hasKey reports whether an item of a list has a key: all of its members where that is an
// object, or is it.
func hasKey(item, key any) bool {
	keys, keyed := key.(map[string]any)
	if !keyed {
		return same(item, key)
	}
	of, ok := item.(map[string]any)
	for name, value := range keys {
		ok = ok && same(of[name], value)
	}
	return ok
}

// same compares scalars, of which numbers have other types where they come from JSON.
func same(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, err := json.Marshal(a)
	y, other := json.Marshal(b)
	return err == nil && other == nil && bytes.Equal(x, y)
}
