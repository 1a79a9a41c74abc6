#!/usr/bin/env bash
# Installs the operator in a cluster, applies the sample, sends calls through it and
# shows what kubectl says: in the cluster of KUBECONFIG, which must have the images, or
# in one of our own, which goes away again unless KEEP=1.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "== $*"; }
cluster=(bin/cluster -dir .cluster)
forward=

clean_up() {
  [ -z "$forward" ] || kill "$forward" 2>/dev/null || true
  if [ -z "$own" ]; then return; fi
  if [ -n "${KEEP:-}" ]; then
    say "still running: export KUBECONFIG=$KUBECONFIG; end with make cluster-down"
  else
    "${cluster[@]}" down
  fi
}

own=
trap clean_up EXIT
if [ -z "${KUBECONFIG:-}" ]; then
  [ -e .cluster/pid ] || own=yes
  "${cluster[@]}" up
  "${cluster[@]}" load dist/fanout.tar dist/demo.tar
  export KUBECONFIG=$PWD/.cluster/kubeconfig
  PATH=$(cat .cluster/programs):$PATH
fi

say "kubectl apply -f dist/install.yaml"
kubectl apply --server-side -f dist/install.yaml > /dev/null
kubectl -n fanout-system rollout status deployment/fanout-operator --timeout 2m > /dev/null
say "kubectl apply -k config/samples, and the two APIs that it calls"
kubectl get namespace shop > /dev/null 2>&1 || kubectl create namespace shop > /dev/null
kubectl apply -f hack/demo/cluster/apis.yaml > /dev/null
kubectl apply -k config/samples > /dev/null
kubectl -n shop wait --for=condition=Ready --timeout 2m pod/apis fanoutroute/orders

log=$(mktemp)
kubectl -n shop port-forward service/orders-fanout :8080 > "$log" 2>&1 &
forward=$!
for _ in $(seq 100); do
  port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\).*/\1/p' "$log")
  [ -z "$port" ] || break
  sleep 0.1
done
[ -n "$port" ] || { cat "$log" >&2; exit 1; }
bin/demo -url "http://127.0.0.1:$port"
sleep 6 # the operator looks every 5 s
say "kubectl get fanoutroute -o wide"
kubectl -n shop get fanoutroute -o wide
say "kubectl describe fanoutroute orders, its status"
kubectl -n shop describe fanoutroute orders | sed -n '/^Status:/,$p'
say "fanoutctl stat"
bin/fanoutctl stat --kubeconfig "$KUBECONFIG" shop/orders
