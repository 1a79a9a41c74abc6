# What the product is made of.

.PHONY: vuln sbom

##@ Supply chain
vuln: ## look for known vulnerabilities; VULNDB=copy of the database; MAY_SKIP=1 does not fail where there is none
	$(GO) run ./hack/vuln $(if $(MAY_SKIP),-may-skip)

sbom: build ## write what the programs are made of, CycloneDX in JSON, into dist
	$(GO) run ./hack/sbom -o dist -version $(lastword $(subst :, ,$(IMAGE))) bin/fanout-operator bin/fanout-proxy bin/fanoutctl
