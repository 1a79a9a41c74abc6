#!/usr/bin/env bash
# Sees to it that there are prometheus and promtool: where they are not, Debian's are installed.
# PROMETHEUS and PROMTOOL name others.
set -euo pipefail

there() { command -v "${PROMETHEUS:-prometheus}" > /dev/null && command -v "${PROMTOOL:-promtool}" > /dev/null; }
there && exit
echo "== installing prometheus" >&2
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends prometheus > /dev/null 2>&1; }
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  install || { apt-get update -q > /dev/null 2>&1 && install; } || true
fi
there && exit
echo "there is no prometheus with promtool, and none could be installed: install the package prometheus, or set PROMETHEUS and PROMTOOL" >&2
exit 1
