package routeconfig

import "slices"

// Kind is what a Reference names.
type Kind string

// The kinds of objects that a route reads. What is in a ConfigMap is no secret.
const (
	KindSecret    Kind = ""
	KindConfigMap Kind = "ConfigMap"
)

// String is the kind as people say it.
func (k Kind) String() string {
	if k == KindSecret {
		return "Secret"
	}
	return string(k)
}

// ConfigMapKey is a key of a ConfigMap in the route's namespace.
type ConfigMapKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// reference is the line of the key in the list of what a route reads.
func (k *ConfigMapKey) reference(field string, use Use) Reference {
	return Reference{Kind: KindConfigMap, Field: field, Name: k.Name, Keys: []string{k.Key}, Use: use}
}

// folderOfConfigMap stands before the name of a ConfigMap in that of its folder. No Secret
// has such a name, so that the two never meet.
const folderOfConfigMap = "_"

// Folder is the name of the folder in which the object is mounted, in that of its
// namespace.
func (r *Reference) Folder() string {
	switch r.Kind {
	case KindConfigMap:
		return folderOfConfigMap + r.Name
	case KindToken:
		return tokenFolder(r.Name)
	default:
		return r.Name
	}
}

// ConfigMaps returns the names of the ConfigMaps that the route reads, sorted.
func (r *Route) ConfigMaps() []string { return r.named(KindConfigMap) }

// Secrets returns the names of the Secrets that the route reads, sorted.
func (r *Route) Secrets() []string { return r.named(KindSecret) }

func (r *Route) named(kind Kind) []string {
	var names []string
	for _, reference := range r.References() {
		if reference.Kind == kind {
			names = append(names, reference.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// plain checks the names that become parts of paths below the mounted objects.
func (r *Reference) plain() error {
	if r.Kind == KindToken {
		return nil // the folder is a hash
	}
	if r.Kind == KindConfigMap {
		for _, key := range r.Keys {
			if err := fileName(r.Field+".key", key); err != nil {
				return err
			}
		}
	}
	return fileName(r.Field, r.Name)
}
