#!/usr/bin/env bash
# Sees to it that the tests of shared rate limits find a redis-server: where there is none,
# Debian's is installed. Who may not install it is told what is skipped.
set -euo pipefail

command -v redis-server > /dev/null && exit
echo "== installing redis-server for the tests of shared rate limits" >&2
install() { apt-get install -y -q --no-install-recommends redis-server > /dev/null 2>&1; }
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  install || { apt-get update -q > /dev/null 2>&1 && install; } || true
fi
command -v redis-server > /dev/null && exit
echo "== SKIPPED: no redis-server could be installed, so nothing tests shared rate limits (install the package redis-server)" >&2
