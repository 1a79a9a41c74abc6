# What the product is made of, and whether anybody who builds it gets the same.

.PHONY: vuln sbom reproducible

##@ Supply chain
vuln: ## look for known vulnerabilities; VULNDB=copy of the database; MAY_SKIP=1 does not fail where there is none
	$(GO) run ./hack/vuln $(if $(MAY_SKIP),-may-skip)

sbom: build ## write what the programs are made of, CycloneDX in JSON, into dist
	$(GO) run ./hack/sbom -o dist -version $(lastword $(subst :, ,$(IMAGE))) bin/fanout-operator bin/fanout-proxy bin/fanoutctl

reproducible: ## build the commit twice, apart in all that should not matter: one digest? SHARED=1 with one build cache
	hack/reproducible.sh $(if $(SHARED),shared)
