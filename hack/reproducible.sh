#!/usr/bin/env bash
# Builds the commit twice, in two clones of other names and depths, in another time zone,
# locale and umask, and the second one with a build cache that is empty, and compares the
# digests of the programs and of the image. With `shared` both use the usual cache, which is
# quicker and shows less: what is cached is not compiled again.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
[ -z "$(git status --porcelain)" ] || echo "reproducible: of the last commit, not of what has changed since"

# build NAME DIR UMASK TZ LOCALE: digests of what a clone makes, into $work/NAME
build() {
  git clone -q . "$2"
  git -C "$2" checkout -q "$(git rev-parse HEAD)"
  (
    umask "$3"
    cd "$2"
    # Whoever has set flags of their own builds something else; the commit is stamped in.
    env GOFLAGS= TZ="$4" LC_ALL="$5" make -s image >&2
    sha256sum bin/fanout-operator bin/fanout-proxy bin/fanoutctl dist/fanout.tar
  ) > "$work/$1"
}

build first "$work/a" 022 UTC C
if [ "${1:-}" != shared ]; then export GOCACHE="$work/cache"; fi
build second "$work/elsewhere/of another name/b" 077 Pacific/Chatham C.UTF-8

cat "$work/first"
if ! diff "$work/first" "$work/second"; then
  echo "reproducible: two builds of one commit differ"
  exit 1
fi
echo "reproducible: two builds, one digest each$([ "${1:-}" != shared ] || echo '; one build cache')"
