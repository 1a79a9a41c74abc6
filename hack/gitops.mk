# Flux, Argo CD, Helm and kubectl beside the operator, on a real cluster: docs/operations/gitops.md.

.PHONY: gitops gitops-long gitops-image

gitops-image:
	@echo "== building Flux's controllers (once; some minutes on two cores)"
	@mkdir -p bin/gitops
	cd test/gitops && CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o ../../bin/gitops/ \
	  github.com/fluxcd/source-controller github.com/fluxcd/kustomize-controller ./source
	bin/cluster image -o dist/gitops.tar -name fanout.dev/gitops:v0 -entrypoint /source \
	  $(foreach p,source source-controller kustomize-controller,bin/gitops/$(p)=/$(p))

# The images into our own cluster, and its kubectl into the path, where KUBECONFIG names no other.
GITOPS = [ -n "$${KUBECONFIG:-}" ] || { $(MAKE) cluster-up && $(CLUSTER) load dist/fanout.tar dist/e2e-agent.tar dist/demo.tar dist/gitops.tar; \
	  export PATH=$$(cat .cluster/programs):$$PATH; }; cd test/gitops && $(GO) test -count=1 -v

##@ GitOps
gitops: images gitops-image install.yaml bin/helm ## Flux, Argo CD, Helm and kubectl with the samples: in the cluster of KUBECONFIG, or in our own
	@$(GITOPS) -timeout 30m .

gitops-long: images gitops-image install.yaml bin/helm ## the same with Flux watching for drift for an hour
	@$(GITOPS) -timeout 100m -drift 1h .
