# What the product is made of.

.PHONY: vuln

##@ Supply chain
vuln: ## look for known vulnerabilities; VULNDB=copy of the database; MAY_SKIP=1 does not fail where there is none
	$(GO) run ./hack/vuln $(if $(MAY_SKIP),-may-skip)
