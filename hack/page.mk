# The page of fanoutctl dash, by what is on the screen.
.PHONY: chromium browser screenshots

##@ Page
chromium:
	@command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-inter >/dev/null; }

browser: chromium ## test the page by what is on the screen of a headless Chromium (installs it; Debian, root)
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/fanoutctl ./cmd/fanoutctl
	cd test/browser && $(GO) test -count=1 -timeout 10m .

screenshots: chromium ## write the pictures of the page that README and docs show
	cd test/browser && $(GO) run ./shots
