#!/usr/bin/env bash
# Prints the folder with etcd, kube-apiserver and kubectl for the tests: that of
# KUBEBUILDER_ASSETS, the newest of setup-envtest's store, or one built here from
# Go modules, once, into the user's cache.
set -euo pipefail

complete() { [ -x "$1/etcd" ] && [ -x "$1/kube-apiserver" ] && [ -x "$1/kubectl" ]; }
say() { echo "kube-assets: $*" >&2; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  complete "$KUBEBUILDER_ASSETS" || { say "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS lacks etcd, kube-apiserver or kubectl"; exit 1; }
  echo "$KUBEBUILDER_ASSETS"
  exit
fi

store="${XDG_DATA_HOME:-$HOME/.local/share}/kubebuilder-envtest/k8s"
while read -r folder; do
  if complete "$folder"; then echo "$folder"; exit; fi
done < <(find "$store" -mindepth 1 -maxdepth 1 -name '1.3[4-9]*' 2>/dev/null | sort -Vr)

module=$(cd "$(dirname "$0")/cluster" && pwd)
version=$(cd "$module" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
content=$(cat "$module/go.mod" "$module/go.sum" "$module/envtest/main.go" | sha256sum | cut -c1-12)
target="${XDG_CACHE_HOME:-$HOME/.cache}/fanout/kube-assets/$version-$content"
mkdir -p "$(dirname "$target")"
exec 9>"$target.lock"
flock 9
if complete "$target"; then echo "$target"; exit; fi

fresh=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$fresh"; [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null' EXIT
say "building Kubernetes $version from source"
start=$SECONDS
( while sleep 20; do say "$((SECONDS - start)) s, $(wc -l < "$fresh/log") packages compiled"; done ) > /dev/null 9>&- &
watcher=$!
IFS=. read -r major minor _ <<< "${version#v}"
flags="-s -w"
for pair in "gitVersion=$version" "gitMajor=$major" "gitMinor=$minor"; do
  flags+=" -X k8s.io/component-base/version.$pair"
done
if ! (cd "$module" && CGO_ENABLED=0 go build -v -trimpath -ldflags "$flags" -o "$fresh/kube" ./envtest) 2> "$fresh/log"; then
  tail -20 "$fresh/log" >&2
  say "the build failed"
  exit 1
fi
for name in etcd kube-apiserver kubectl; do ln -s kube "$fresh/$name"; done
say "built in $((SECONDS - start)) s"
rm -rf "$target"
mv "$fresh" "$target"
echo "$target"
