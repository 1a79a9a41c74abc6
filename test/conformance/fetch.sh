#!/usr/bin/env bash
# Fetches what the judges need into the user's cache, at the commits that were tried, and
# slowhttptest, nginx, h2o, Redis and Node from Debian's packages, and SDKs and receivers of signatures from npm. Only the files that are used are checked out.
set -euo pipefail
cd "$(dirname "$0")/../.."
suites=${XDG_CACHE_HOME:-$HOME/.cache}/fanout/suites
mkdir -p "$suites"

fetch() { # OWNER/NAME COMMIT FOLDER
  local target=$suites/${1#*/}
  [ -d "$target/$3" ] && return
  echo "== fetching $1"
  rm -rf "$target"
  git clone -q --no-checkout --filter=blob:none "https://github.com/$1" "$target"
  git -C "$target" sparse-checkout set --no-cone "/$3/"
  git -C "$target" checkout -q "$2"
}

fetch nst/JSONTestSuite 1ef36fa01286573e846ac449e8683f8833c5b26a test_parsing
fetch aws/http-desync-guardian 7dd6f37171f0a8428d259f2631aee5e7b01a1d64 tests
fetch MDA2AV/Http11Probe 95bc6a991b2ad2bddd61d58c92c36d543d895ffa src/Http11Probe
install() { # COMMAND PACKAGE
  command -v "$1" > /dev/null || { echo "== installing $2"; apt-get install -y -q "$2" > /dev/null; }
}

install slowhttptest slowhttptest
install nginx nginx-light
install h2o h2o
install redis-server redis-server
install node nodejs
command -v npm > /dev/null || install npm npm
[ -d "$suites/sdk/node_modules" ] || { echo "== fetching SDKs"; mkdir -p "$suites/sdk"; npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$suites/sdk" openai@6.49.0 @anthropic-ai/sdk@1.14.0; }
[ -d "$suites/signing/node_modules" ] || { echo "== fetching receivers of signatures"; mkdir -p "$suites/signing"; npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$suites/signing" standardwebhooks@1.1.1 svix@2.5.0 stripe@23.1.0 @smithy/signature-v4@5.7.5 @aws-crypto/sha256-js@5.2.0; }
[ -d "$suites/oidc/node_modules" ] || { echo "== fetching oidc-provider"; mkdir -p "$suites/oidc"; npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$suites/oidc" oidc-provider@9.13.3; }
