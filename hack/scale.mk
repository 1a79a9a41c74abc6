# What the operator takes with many routes: docs/performance.md.

.PHONY: scale

##@ Performance
scale: ## run the operator with 100, 500 and 2,000 routes beside a real API server (half an hour; ROUTES=100); writes docs/performance.md
	@export KUBEBUILDER_ASSETS=$$(hack/kube-assets.sh) && $(GO) run ./hack/scale $(if $(ROUTES),-routes $(ROUTES) -out '')
