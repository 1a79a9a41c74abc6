# Alerts, dashboard, and a Prometheus to prove them.
.PHONY: monitoring alerts prometheus

##@ Monitoring
monitoring: ## write the rules as an object, and the dashboard
	$(GO) run ./hack/monitoring

alerts: ## test each alert with promtool: it fires, and does not (installs prometheus)
	@hack/prometheus.sh
	cd config/monitoring && $${PROMTOOL:-promtool} check rules rules.yaml && $${PROMTOOL:-promtool} test rules rules_test.yaml

prometheus: ## let a real Prometheus scrape the demo and ask it all that alerts and dashboard ask (installs prometheus)
	@hack/prometheus.sh
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/fanoutctl ./cmd/fanoutctl
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/demo ./hack/demo
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/fanout-operator ./cmd/operator
	export KUBEBUILDER_ASSETS=$$(hack/kube-assets.sh) PROMETHEUS=$${PROMETHEUS:-prometheus} && $(GO) test -count=1 -v -run Prometheus ./hack/monitoring

