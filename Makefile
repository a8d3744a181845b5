# Everything that is done with the repository, one word each. `make` alone lists it.

PLATFORMS  = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
VETTED     = linux/amd64 darwin/arm64 windows/amd64

.DEFAULT_GOAL := help
.PHONY: help build run test tools lint fmt vet fix staticcheck vuln packages cross bench soak screenshots wine snapshot clean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/lbdev
	go build -trimpath -o bin/ ./cmd/lbdev

run: ## four copies of the sample app behind http://127.0.0.1:8080
	go run ./cmd/lbdev up --sample

test: tools ## run every test with the race detector; installs what they use, or says what to install
	@go test -race -timeout 20m ./...

tools:
	@bash scripts/tools test

lint: fmt vet fix staticcheck vuln packages ## gofmt, go vet, go fix, staticcheck, govulncheck, goreleaser check

fmt:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt's format:"; echo "$$unformatted"; exit 1; } >&2

vet: # with the long tests, which nothing else compiles
	go vet ./...
	go vet -tags soak ./clients ./templates/export

fix: # prints what go fix would change
	go fix -diff ./...

staticcheck:
	go tool staticcheck ./...

vuln:
	@bash scripts/vuln

packages:
	@bash scripts/goreleaser check

# vet compiles what the tests import, which is most of the time here, so one machine of each system is enough.
cross: ## build for linux, darwin and windows on amd64 and arm64, and vet
	@for p in $(PLATFORMS); do \
		echo "build $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build ./... || exit 1; \
	done
	@for p in $(VETTED); do \
		echo "vet $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go vet ./... || exit 1; \
	done

bench: ## measure the front, logs, start and memory beside nginx, HAProxy and cat; up to ten minutes
	@bash scripts/tools bench
	@go run ./bench

soak: tools ## the long versions of the tests with real clients and servers, and with Traefik; six minutes, and fifteen more to build Traefik once
	@go test -count=1 -v -tags soak -timeout 30m ./clients
	@go test -count=1 -v -tags soak -timeout 60m -run 'Exports|Traefik' ./templates/export

screenshots: tools ## pictures of the dashboard: all into bin/screenshots, two of them into docs
	@mkdir -p bin/screenshots
	@SCREENSHOTS=$(CURDIR)/bin/screenshots go test -count=1 -tags screenshots -run TestScreenshots ./clients

wine: ## let the Windows build serve the sample app under Wine
	@bash scripts/wine

snapshot: ## pack archives, deb and rpm of the working tree into dist
	bash scripts/goreleaser release --snapshot --clean

clean: ## remove what build and goreleaser made
	rm -rf bin dist
