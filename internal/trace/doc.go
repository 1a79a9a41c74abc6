// Package trace tells of calls by spans (OpenTelemetry): it reads and writes the context of a
// trace, decides which calls are recorded, and sends what was recorded to a collector, by
// OTLP. No call waits for any of it.
package trace
