package main

// result is what came of a trial.
type result struct {
	Routes int `json:"routes"`
	// Start is from nothing to all routes ready and the operator at rest.
	Start        *usage  `json:"start"`
	ReadySeconds float64 `json:"readySeconds"`
	Rest         *usage  `json:"rest"`
	// Resident is memory at rest, Peak the most before, in MiB.
	Resident float64 `json:"residentMiB"`
	Peak     float64 `json:"peakMiB"`
	Edited   int     `json:"edited"`
	Edits    *usage  `json:"edits"`
	// Written is until the document was written, Shown until the status says that it is served.
	Written quantiles `json:"written"`
	Shown   quantiles `json:"shown"`
	Touches *usage    `json:"touches"`
	// Pass is the CPU of a pass in which nothing is to be done, in ms.
	Pass            float64 `json:"passMillis"`
	Restart         *usage  `json:"restart"`
	RestartResident float64 `json:"restartResidentMiB"`
}

// quantiles are in milliseconds.
type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}
