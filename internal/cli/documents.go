package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// documents returns one document after the other, then io.EOF: those between lines of three
// hyphens, in JSON, of which several may follow each other, or in YAML, whose text is kept so
// that keys that appear twice show.
func documents(content []byte) (next func() ([]byte, error)) {
	parts := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	var stream *json.Decoder // of the part that is being read
	return func() (raw []byte, err error) {
		for {
			if stream != nil {
				if err = stream.Decode((*json.RawMessage)(&raw)); !errors.Is(err, io.EOF) {
					return raw, err // the caller asks for its kind
				}
			}
			if raw, err = parts.Read(); err != nil || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
				return raw, err // as above
			}
			stream = json.NewDecoder(bytes.NewReader(raw))
		}
	}
}

// isEmpty reports whether a document holds nothing but comments.
func isEmpty(raw []byte) bool {
	var content any
	return yaml.Unmarshal(raw, &content) == nil && content == nil
}
