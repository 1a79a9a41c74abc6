package stats

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ReportVersion is the version of the Report that this package writes and reads. It
// rises where a reader of the one before would take something for what it is not; a field
// or a word that is only new is overlooked, or counted as Other, and needs none.
const ReportVersion = 1

// usual is how a proxy's report begins.
const usual = `{"version":1,`

// VersionError is the error of a report in a version that cannot be read here. Nothing of
// such a report is believed: what its fields mean is not known.
type VersionError struct {
	// Version is the one that the report names.
	Version int
}

// Error implements error.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the report has version %d, only %d can be read here", e.Version, ReportVersion)
}

// leading is the version in which a report is written, by its first bytes. It stands first
// in every version, so that it can be told of a report that is longer than ours may be, or
// of other types. It is 0 where a report names none, which is then one of version 1.
func leading(raw []byte) int {
	if bytes.HasPrefix(raw, []byte(usual)) { // a decoder takes a buffer for what stands in every report
		return 1
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	for _, want := range [...]json.Token{json.Delim('{'), "version"} {
		if got, err := decoder.Token(); err != nil || got != want {
			return 0
		}
	}
	var version int
	_ = decoder.Decode(&version) // decoding all of it says what is wrong
	return version
}

// checkVersion fails with a VersionError for a report that cannot be read here.
func checkVersion(raw []byte) error {
	if r := (Report{Version: leading(raw)}); !r.Readable() {
		return &VersionError{r.Version}
	}
	return nil
}

// Readable reports whether the report is in a version that can be read here. Of one that is
// not, the version alone is known.
func (r *Report) Readable() bool { return r.Version == 0 || r.Version == ReportVersion }

// Decode decodes a report in our version, with whatever it says: that of a proxy that is
// trusted. Foreign ones are read by Bounds.
func Decode(raw []byte) (*Report, error) {
	if err := checkVersion(raw); err != nil {
		return nil, err
	}
	report := &Report{}
	if err := json.Unmarshal(raw, report); err != nil {
		return nil, fmt.Errorf("decode report: %w", err)
	}
	if !report.Readable() {
		return nil, &VersionError{report.Version} // it stands elsewhere than first
	}
	return report, nil
}
