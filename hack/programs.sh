#!/usr/bin/env bash
# Sees to it that tests find the programs that they hold the product against: where there is
# none, Debian's is installed. Who may not install it is told what is skipped.
set -euo pipefail

install() { apt-get install -y -q --no-install-recommends "$1" > /dev/null 2>&1; }

# find PROGRAM TESTS: the program is that of the package of its name.
find() {
  if command -v "$1" > /dev/null; then return; fi
  echo "== installing $1 for the tests of $2" >&2
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    install "$1" || { apt-get update -q > /dev/null 2>&1 && install "$1"; } || true
  fi
  if command -v "$1" > /dev/null; then return; fi
  echo "== SKIPPED: no $1 could be installed, so nothing tests $2 (install the package $1)" >&2
}

find redis-server "shared rate limits"
find jq "the examples of docs/operations/logs.md"
