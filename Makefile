# Fanout. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
TOOL = $(GO) tool -modfile=hack/tools/go.mod
LINTER = bin/golangci-lint
MODULES := . hack/tools hack/cluster hack/bench test/e2e test/gitops test/conformance test/browser
IMAGE := fanout.dev/fanout:v0.1.0
CLUSTER = bin/cluster -dir .cluster
# The race detector needs a C compiler; without one the tests still run.
RACE := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
FUZZTIME ?= 10s

.PHONY: help demo build generate manifests image install.yaml bin/cluster cluster-up cluster-load cluster-down \
  images overlays chart lint-chart e2e e2e-long cluster-demo test fuzz fmt lint tidy verify bench clean \
  conformance soak memory mutate

include hack/security.mk hack/monitoring.mk hack/gitops.mk hack/page.mk hack/scale.mk

##@ General
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z.-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Run
demo: ## run the sample with two APIs on this machine; KEEP=1 stays up
	@echo "== building (a minute or three where nothing is cached)"
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/fanoutctl ./cmd/fanoutctl
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/demo ./hack/demo
	@bin/demo $(if $(KEEP),-keep)

##@ Build
build: ## build operator, proxy and fanoutctl into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/fanout-operator ./cmd/operator
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/fanout-proxy ./cmd/proxy
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/fanoutctl ./cmd/fanoutctl
	ln -sf fanoutctl bin/kubectl-fanout

generate: ## write the generated Go code of the API
	$(TOOL) controller-gen object applyconfiguration paths=./api/...

manifests: ## write the CRD, the operator's role and kustomize's merge keys
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	$(TOOL) controller-gen rbac:roleName=fanout-operator paths=./controllers/... output:rbac:dir=config/rbac
	cd hack/tools && $(GO) run ./openapi ../../config/crd/bases/fanout.dev_fanoutroutes.yaml > ../../config/kustomize/openapi.json

image: build bin/cluster ## write the image as an OCI tar, dist/fanout.tar
	bin/cluster image -o dist/fanout.tar -name $(IMAGE) -entrypoint /fanout-proxy bin/fanout-operator=/fanout-operator bin/fanout-proxy=/fanout-proxy

install.yaml: ## render everything to install into dist/install.yaml
	@mkdir -p dist
	$(TOOL) kustomize build config/default > dist/install.yaml

##@ Cluster
bin/cluster:
	cd hack/cluster && CGO_ENABLED=0 $(GO) build -trimpath -o ../../bin/cluster .

cluster-up: bin/cluster ## start a Kubernetes of one node on this machine (root; built from source once)
	$(CLUSTER) up

cluster-load: image ## load the image into it
	$(CLUSTER) load dist/fanout.tar

cluster-down: bin/cluster ## remove the cluster and everything of it
	$(CLUSTER) down

images: image ## write the images that tests and demo run, too
	cd test/e2e && CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o ../../bin/e2e-agent ./agent
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/demo ./hack/demo
	bin/cluster image -o dist/previous.tar -name fanout.dev/fanout:v0.0.9 -entrypoint /fanout-proxy bin/fanout-operator=/fanout-operator bin/fanout-proxy=/fanout-proxy
	bin/cluster image -o dist/e2e-agent.tar -name fanout.dev/e2e-agent:v0 -entrypoint /agent bin/e2e-agent=/agent
	bin/cluster image -o dist/demo.tar -name fanout.dev/demo:v0 -entrypoint /demo bin/demo=/demo

overlays: install.yaml
	for o in namespaced fast-rotation sidecar monitoring dashboard; do $(TOOL) kustomize build config/overlays/$$o > dist/$$o.yaml; done

chart: overlays ## write the templates of charts/fanout
	$(GO) run ./hack/chart

bin/helm: hack/tools/go.mod
	@echo "== building helm (once; a few minutes)"
	cd hack/tools && $(GO) build -o ../../bin/helm helm.sh/helm/v4/cmd/helm

lint-chart: bin/helm install.yaml ## check the chart with helm's own lint, its values, and releases on a real API server
	bin/helm lint --strict charts/fanout
	export KUBEBUILDER_ASSETS=$$(hack/kube-assets.sh) HELM=$(CURDIR)/bin/helm && $(GO) test -count=1 ./hack/chart

E2E = cd test/e2e && $(GO) test -count=1 -timeout 40m -v

e2e: images overlays bin/helm ## end-to-end tests: in the cluster of KUBECONFIG, which has the images, or in our own
	@[ -n "$${KUBECONFIG:-}" ] || { $(MAKE) cluster-up && $(CLUSTER) load dist/fanout.tar dist/previous.tar dist/e2e-agent.tar; }
	$(E2E) -run '^$$' . # installs
	export E2E_SINCE=$$(date -u +%FT%TZ) && ($(E2E) -skip 'Overlay|Audit|Long|Helm|APIServer' .) && ($(E2E) -run Audit .)
	$(E2E) -run 'Overlay|APIServer' -skip Long . # beyond the default install, or with denials while RBAC is not loaded yet
	$(E2E) -run Helm .

e2e-long: images overlays ## the scenarios that wait for minutes; their figures are in docs/operations
	@[ -n "$${KUBECONFIG:-}" ] || { $(MAKE) cluster-up && $(CLUSTER) load dist/fanout.tar dist/previous.tar dist/e2e-agent.tar; }
	$(E2E) -run Long .

cluster-demo: images install.yaml ## run the sample in a cluster and show what kubectl says; KEEP=1 keeps it
	@KEEP=$(KEEP) hack/cluster-demo.sh

##@ Check
test: ## unit, golden, race, API rule and controller tests, on a real API server
	@echo "== finding or building kube-apiserver and etcd (once; about ten minutes on two cores)"
	@hack/programs.sh; assets=$$(hack/kube-assets.sh); echo "== testing with $$assets $(if $(RACE),,(no C compiler: without the race detector))"; \
	  KUBEBUILDER_ASSETS=$$assets $(GO) test $(RACE) -timeout 20m ./... && $(GO) test -run 'UnderLoads|AllocationsOfACall' ./internal/report ./internal/proxy

fuzz: ## fuzz every parser of foreign bytes for FUZZTIME each
	@grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u | while read -r dir; do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$dir/*_test.go | cut -c6-); do \
	    echo "== $$dir $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$dir; done; done

$(LINTER): hack/tools/go.mod hack/tools/golangci-lint/main.go
	@echo "== building golangci-lint (once; a few minutes)"
	cd hack/tools && $(GO) build -o ../../$(LINTER) ./golangci-lint

fmt: $(LINTER) ## format the code
	@for m in . hack/cluster test/e2e test/gitops test/conformance test/browser; do (cd $$m && $(CURDIR)/$(LINTER) fmt -c $(CURDIR)/.golangci.yml); done

lint: $(LINTER) ## run the linters of .golangci.yml
	@for m in . hack/cluster test/e2e test/gitops test/conformance test/browser; do echo "== linting $$m"; (cd $$m && $(CURDIR)/$(LINTER) run -c $(CURDIR)/.golangci.yml); done

tidy:
	@for m in $(MODULES); do [ -f $$m/go.mod ] && (cd $$m && $(GO) mod tidy); done

verify: generate manifests monitoring fmt tidy chart ## prove that everything generated is fresh
	git diff --exit-code
	@test -z "$$(git status --porcelain)" || { git status --short; echo "generated files are not committed"; exit 1; }

conformance: ## let h2spec, http-desync-guardian, Http11Probe, JSONTestSuite, JSON-Schema-Test-Suite, slowhttptest, toxiproxy, nginx, h2o, oidc-provider, Wycheproof judge; writes docs/conformance.md
	test/conformance/fetch.sh
	cd test/conformance && $(GO) run .

soak: ## half an hour of mixed load: does the proxy grow?
	$(GO) run ./hack/soak

memory: build ## what the proxy takes at its worst, beside docs/operations/memory.md
	$(GO) run ./hack/soak -memory bin/fanout-proxy

mutate: ## take guards out, one at a time: which ones does no test notice? N=10 SEED=2 PACKAGES=internal/gate
	$(GO) run ./hack/mutate $(if $(N),-n $(N)) $(if $(SEED),-seed $(SEED)) $(PACKAGES)

bench: ## measure beside nginx mirror, net/http, fasthttp, Node (installs nginx and Node) and LURA=checkout; BASE=commit: the tree beside a commit, fails where slower
	cd hack/bench && LURA='$(abspath $(LURA))' $(GO) run . $(if $(BASE),-base '$(BASE)') $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(SPAN),-span $(SPAN))

clean: ## remove what was built
	rm -rf bin dist
