package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// panel is a graph: what is drawn, and in which unit of Grafana's.
type panel struct {
	title, about, unit string
	queries            []query
}

// query is one of a panel's, and how its lines are called.
type query struct{ expression, legend string }

// row is a row of panels.
type row struct {
	title  string
	panels []panel
}

// on are the labels of the routes that were chosen.
const on = `namespace=~"$namespace",route=~"$route"`

// rate is the rate of a counter of the routes that were chosen, by some labels.
func rate(by, metric, more string) string {
	return fmt.Sprintf(`sum by (%s) (rate(%s{%s%s}[$__rate_interval]))`, by, metric, on, more)
}

// quantile is one of latencies. Prometheus has their classic buckets, their native ones, or both.
func quantile(q, by, metric, labels string) string {
	return fmt.Sprintf(`histogram_quantile(%[1]s, sum by (%[2]s, le) (rate(%[3]s_bucket{%[4]s}[$__rate_interval]))) or histogram_quantile(%[1]s, sum by (%[2]s) (rate(%[3]s{%[4]s}[$__rate_interval])))`,
		q, by, metric, labels)
}

// rows are the whole dashboard.
func rows() []row { return []row{calls(), answers(), callers(), credentials(), proxies(), operator()} }

func calls() row {
	latency := panel{title: "Time to a response", unit: "s", about: "From a call's arrival, over all proxies."}
	for _, q := range []string{"0.5", "0.95", "0.99"} {
		latency.queries = append(latency.queries, query{quantile(q, "namespace, route", "fanout_call_duration_seconds", on), "{{namespace}}/{{route}} p" + strings.TrimPrefix(q, "0.")})
	}
	return row{"Calls", []panel{
		{"Calls", "By what became of them.", "reqps", []query{{rate("namespace, route, outcome", "fanout_calls_total", ""), "{{namespace}}/{{route}} {{outcome}}"}}},
		{"Success rate", "Complete and partial ones of all that were decided.", "percentunit", []query{{
			rate("namespace, route", "fanout_calls_total", `,outcome=~"complete|partial"`) + " / " + rate("namespace, route", "fanout_calls_total", `,outcome=~"complete|partial|failed"`), "{{namespace}}/{{route}}",
		}}},
		latency,
		{"Calls under way", "Stragglers included.", "short", []query{{`sum by (namespace, route) (fanout_calls_in_flight{` + on + `})`, "{{namespace}}/{{route}}"}}},
	}}
}

func answers() row {
	return row{"Answers", []panel{
		{"Success rate", "As the status has it: what we rejected does not count.", "percentunit", []query{{
			rate("namespace, route, backend", "fanout_answers_total", `,outcome="succeeded"`) + " / " + rate("namespace, route, backend", "fanout_answers_total", `,outcome=~"succeeded|failed"`), "{{route}} {{backend}}",
		}}},
		{"Failed and rejected", "By why.", "reqps", []query{{rate("route, backend, outcome, reason", "fanout_answers_total", `,outcome=~"failed|rejected"`), "{{route}} {{backend}} {{reason}}"}}},
		{"Time to an answer, p99", "Of those that succeeded or failed.", "s", []query{{quantile("0.99", "namespace, route, backend", "fanout_answer_duration_seconds", on), "{{route}} {{backend}}"}}},
		{"Attempts for an answer", "Retries and hedges included.", "short", []query{{
			rate("namespace, route, backend", "fanout_attempts_total", "") + " / " + rate("namespace, route, backend", "fanout_answers_total", ""), "{{route}} {{backend}}",
		}}},
		{"Circuits", "1 is open, a share of it in some proxies.", "percentunit", []query{{`avg by (namespace, route, backend) (fanout_circuit_state{` + on + `,state="open"})`, "{{route}} {{backend}}"}}},
		{"Calls that wait for a slot", "Of those that may.", "percentunit", []query{{
			`sum by (namespace, route, backend) (fanout_queued_requests{` + on + `}) / sum by (namespace, route, backend) (fanout_queued_requests_limit{` + on + `})`, "{{route}} {{backend}}",
		}}},
		{"Hedges", "Sent, and won.", "reqps", []query{
			{rate("route, backend", "fanout_hedges_sent_total", ""), "{{route}} {{backend}} sent"}, {rate("route, backend", "fanout_hedges_won_total", ""), "{{route}} {{backend}} won"},
		}},
		{"Shadows", "Their answers beside those of their reference.", "reqps", []query{{rate("route, backend, result", "fanout_shadow_comparisons_total", ""), "{{route}} {{backend}} {{result}}"}}},
	}}
}

func callers() row {
	return row{"Callers", []panel{
		{"Refused", "Calls that did not come to the backends.", "reqps", []query{{rate("namespace, route", "fanout_calls_total", `,outcome="refused"`), "{{namespace}}/{{route}}"}}},
		{"Over a limit", "", "reqps", []query{{rate("route, limit, mode", "fanout_rate_limited_calls_total", ""), "{{route}} {{limit}} {{mode}}"}}},
		{"Refused by validation", "Or would have been, with mode Report.", "reqps", []query{{rate("route, rule, mode", "fanout_validation_faults_total", ""), "{{route}} {{rule}} {{mode}}"}}},
		{"Age of issuers' keys", "They are used for a day.", "s", []query{{`max by (namespace, route, issuer) (fanout_issuer_keys_age_seconds{` + on + `})`, "{{route}} {{issuer}}"}}},
		{"Store of limits", "Requests that it did not answer in time.", "reqps", []query{{rate("namespace, route", "fanout_rate_limit_store_failures_total", ""), "{{namespace}}/{{route}}"}}},
	}}
}

func credentials() row {
	return row{"Credentials", []panel{
		{"Missing", "Proxies for which a Secret, a ConfigMap or a token cannot be used as it is.", "short", []query{{`sum by (namespace, route, backend, kind, name, reason) (fanout_credential_missing{` + on + `})`, "{{route}} {{backend}} {{name}} {{reason}}"}}},
		{"Certificates: time left", "Of the first that ends.", "s", []query{{`min by (namespace, route, backend, name, use) (fanout_certificate_expiry_timestamp_seconds{` + on + `}) - time()`, "{{route}} {{backend}} {{name}} {{use}}"}}},
		{"Tokens: time left", "They are renewed before.", "s", []query{{`min by (namespace, route, backend) (fanout_token_expiry_timestamp_seconds{` + on + `}) - time()`, "{{route}} {{backend}}"}}},
		{"Age of what is in use", "A rotation has reached all proxies when no line is older.", "s", []query{{`time() - min by (namespace, route, backend, name) (fanout_credential_change_timestamp_seconds{` + on + `})`, "{{route}} {{backend}} {{name}}"}}},
	}}
}

func proxies() row {
	return row{"Proxies", []panel{
		{"Memory of bodies", "Of the budget.", "percentunit", []query{{`fanout_body_memory_bytes / fanout_body_memory_limit_bytes`, "{{instance}}"}}},
		{"Connections of clients", "", "short", []query{{`fanout_client_connections`, "{{instance}}"}}},
		{"CPU", "", "short", []query{{`rate(process_cpu_seconds_total[$__rate_interval]) and on (instance) fanout_build_info{component="proxy"}`, "{{instance}}"}}},
		{"Documents", "Proxies that serve each.", "short", []query{{`count by (document) (fanout_document_info)`, "{{document}}"}}},
		{"Documents refused", "", "short", []query{{`sum by (instance) (1 - fanout_document_last_reload_successful)`, "{{instance}}"}}},
		{"Versions", "", "short", []query{{`count by (component, version) (fanout_build_info)`, "{{component}} {{version}}"}}},
	}}
}

func operator() row {
	return row{"Operator", []panel{
		{"Routes by condition", "Those of which it is not True.", "short", []query{{`sum by (type) (fanout_route_condition < bool 1)`, "{{type}}"}}},
		{"Leader", "1 where one leads.", "short", []query{{`max(fanout_operator_leader)`, "leads"}, {`count(fanout_operator_leader)`, "processes"}}},
		{"Polls", "", "reqps", []query{{`sum by (result) (rate(fanout_operator_polls_total[$__rate_interval]))`, "{{result}}"}}},
		{"Time since the last poll", "", "s", []query{{`time() - max(fanout_operator_last_poll_timestamp_seconds)`, "age"}}},
		{"Time of a poll, p99", "", "s", []query{{quantile("0.99", "job", "fanout_operator_poll_duration_seconds", ""), "p99"}}},
		{"Proxies", "", "short", []query{{`sum by (state) (fanout_operator_proxies)`, "{{state}}"}}},
		{"Status writes", "Written, and put off by the budget.", "reqps", []query{
			{`sum by (tells) (rate(fanout_operator_status_writes_total[$__rate_interval]))`, "{{tells}}"}, {`sum(rate(fanout_operator_status_writes_deferred_total[$__rate_interval]))`, "put off"},
		}},
		{"Passes", "And those that ended with an error.", "reqps", []query{
			{`sum(rate(controller_runtime_reconcile_total{controller="fanoutroute"}[$__rate_interval]))`, "passes"},
			{`sum(rate(controller_runtime_reconcile_errors_total{controller="fanoutroute"}[$__rate_interval]))`, "errors"},
		}},
		{"Queue", "", "short", []query{{`sum(workqueue_depth{name="fanoutroute"})`, "depth"}}},
		{"Builds", "Documents by whether the spec was accepted.", "reqps", []query{{`sum by (result) (rate(fanout_operator_builds_total[$__rate_interval]))`, "{{result}}"}}},
	}}
}

// object is one of JSON, whose keys encoding/json sorts.
type object = map[string]any

// dashboard is the dashboard as Grafana reads it.
func dashboard() ([]byte, error) {
	const width, height, columns = 8, 7, 3
	var panels []object
	y, id := 0, 0
	for _, r := range rows() {
		id++
		panels = append(panels, object{"id": id, "type": "row", "title": r.title, "collapsed": false, "gridPos": object{"x": 0, "y": y, "w": 24, "h": 1}, "panels": []object{}})
		y++
		for i, p := range r.panels {
			id++
			panels = append(panels, p.object(id, object{"x": i % columns * width, "y": y + i/columns*height, "w": width, "h": height}))
		}
		y += (len(r.panels) + columns - 1) / columns * height
	}
	encoded, err := json.MarshalIndent(object{
		"uid": "fanout", "title": "Fanout", "tags": []string{"fanout"}, "schemaVersion": 39, "editable": true, "refresh": "30s",
		"time": object{"from": "now-1h", "to": "now"}, "panels": panels,
		"templating": object{"list": []object{
			{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
			choice("namespace", `label_values(fanout_calls_total, namespace)`), choice("route", `label_values(fanout_calls_total{namespace=~"$namespace"}, route)`),
		}},
	}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode dashboard: %w", err)
	}
	return append(encoded, '\n'), nil
}

func source() object { return object{"type": "prometheus", "uid": "$datasource"} }

func choice(name, from string) object {
	return object{
		"name": name, "type": "query", "datasource": source(), "query": object{"query": from, "refId": name}, "definition": from,
		"refresh": 2, "includeAll": true, "multi": true, "allValue": ".*", "current": object{"text": "All", "value": "$__all"}, "sort": 1,
	}
}

func (p *panel) object(id int, place object) object {
	var targets []object
	for i, q := range p.queries {
		targets = append(targets, object{"refId": string(rune('A' + i)), "expr": q.expression, "legendFormat": q.legend, "datasource": source()})
	}
	defaults := object{"unit": p.unit}
	if !strings.HasSuffix(p.title, "time left") { // which is below 0 once something has ended
		defaults["min"] = 0
	}
	return object{
		"id": id, "type": "timeseries", "title": p.title, "description": p.about, "gridPos": place, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}},
		"options":     object{"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": true}, "tooltip": object{"mode": "multi", "sort": "desc"}},
	}
}
