# What the product is made of, whether anybody who builds it gets the same, and what it stands.

.PHONY: abuse vuln sbom reproducible

##@ Security
abuse: build ## send what is not meant well, in a network of its own: memory and bystanders, beside docs/security/abuse.md; SEED=2
	$(GO) run ./hack/soak -abuse bin/fanout-proxy $(if $(SEED),-seed $(SEED))

vuln: ## look for known vulnerabilities; VULNDB=copy of the database; MAY_SKIP=1 does not fail where there is none
	$(GO) run ./hack/vuln $(if $(MAY_SKIP),-may-skip)

sbom: build ## write what the programs are made of, CycloneDX in JSON, into dist
	$(GO) run ./hack/sbom -o dist -version $(lastword $(subst :, ,$(IMAGE))) bin/fanout-operator bin/fanout-proxy bin/fanoutctl

reproducible: ## build the commit twice, apart in all that should not matter: one digest? SHARED=1 with one build cache
	hack/reproducible.sh $(if $(SHARED),shared)
