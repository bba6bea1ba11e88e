# connectd: every task a developer or CI runs. Needs Go, a C compiler and make; tests on real Kafka also use java and mvn.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short=16 HEAD 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# `make test PKG=./worker/... ARGS='-run Herder -v'` narrows a run; `make fuzz FUZZTIME=1m` lengthens one.
PKG      ?= ./...
ARGS     ?=
TIMEOUT  ?= 25m
FUZZTIME ?= 10s
# `make soak SOAK=1h SOAK_SEED=7 SOAK_LOGS=/tmp` lengthens the soak, repeats its faults and keeps the logs of all processes.
SOAK      ?= 10m
SOAK_SEED ?=
SOAK_LOGS ?=
# `make failover FAILOVER=50000 FAILOVER_SEED=7` has groups lag less, and repeats the moments at which they move.
FAILOVER      ?= 1000000
FAILOVER_SEED ?=

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/connectd
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/connectd ./cmd/connectd

.PHONY: test
test: ## all tests with the race detector, those on real Kafka included
	@if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then \
	  echo "!!! java or mvn is missing: the tests on real Kafka are skipped (KAFKA_BOOTSTRAP serves some of them)" >&2; fi
	@# -count=1: the tests of the binary build it themselves, which Go's test cache does not see
	$(GO) test -race -count=1 -timeout $(TIMEOUT) $(ARGS) $(PKG)

.PHONY: conformance
conformance: ## ask connectd what a Java worker was asked, compare with its recorded answers, and count
	$(GO) test -run '^Test(Conformance|Recordings|DifferencesAreDocumented)$$' -count=1 -v $(ARGS) ./e2e

.PHONY: record
record: ## ask a Java worker the requests of `make conformance` first, and record its answers anew
	$(GO) test -run '^TestConformance$$' -count=1 -v -timeout 30m $(ARGS) ./e2e -record

.PHONY: demo
demo: build ## two Kafka clusters, two workers and a mirror in one process
	bin/connectd dev $(ARGS)

.PHONY: bench
bench: build ## copy the same records with connectd and a Java worker, and compare
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 90m $(ARGS) ./e2e/bench/...

.PHONY: soak
soak: ## copy a stream for SOAK (10m) while workers and brokers are killed and frozen at random
	@SOAK=$(SOAK) SOAK_SEED=$(SOAK_SEED) SOAK_LOGS=$(SOAK_LOGS) $(GO) test -run '^TestSoak$$' -count=1 -v -timeout 24h $(ARGS) ./e2e

.PHONY: failover
failover: ## move 20 consumer groups between clusters, by connectd and by Java's connectors, and count what they miss and read again
	@FAILOVER=$(FAILOVER) FAILOVER_SEED=$(FAILOVER_SEED) $(GO) test -run '^TestFailover$$' -count=1 -v -timeout 2h $(ARGS) ./e2e

.PHONY: lint
lint: ## go vet, staticcheck, errcheck, gofumpt
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) tool errcheck -ignoretests -exclude .errcheck ./...
	@unformatted=$$($(GO) tool gofumpt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run 'make fmt':"; echo "$$unformatted"; exit 1; fi

.PHONY: fmt
fmt: ## format all Go files
	$(GO) tool gofumpt -w .

.PHONY: docs
docs: ## regenerate the generated pages in docs/
	$(GO) generate ./internal/docgen/...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each (10s)
	@$(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' $(PKG) | while read -r pkg dir; do \
	  { grep -ho '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go || true; } | sed 's/^func //' | while read -r target; do \
	    echo "== $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" </dev/null; \
	  done; \
	done

.PHONY: clean
clean: ## remove what the build made
	rm -rf bin
