# Tongma. `make demo` and `make test` need Go and make; what else they need, they fetch (.ci/prepare).

GO           ?= go
STATICCHECK  := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION      := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS      := -s -w -X main.version=$(VERSION)
LISTEN       ?= 127.0.0.1:8080
DIR          ?= demo
FUZZTIME     ?= 20s
CROSSCHECK   ?= 20000
SOAK         ?= 10m
KILLS        ?= 100

say = @printf '\n== %s\n' "$(1)"

export GO
# A checkout that belongs to another user must build as well; the version comes from LDFLAGS.
export GOFLAGS += -buildvcs=false
.DEFAULT_GOAL := help
.PHONY: help demo build test lint unit engines bench nightly fuzz kills soak clean prepare

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## run a gateway with regional backends on this machine (LISTEN, DIR)
	bin/tongma demo --listen $(LISTEN) --dir $(DIR)

build: ## bin/tongma
	@.ci/prepare build
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/tongma ./cmd/tongma

test: prepare lint unit engines ## everything that must hold, as CI runs it
	$(call say,all of it holds)

lint: prepare ## formatting, vet, staticcheck, go.mod
	$(call say,gofmt)
	@bad=$$(gofmt -l .); test -z "$$bad" || { printf 'gofmt -w these:\n%s\n' "$$bad"; exit 1; }
	$(call say,go vet)
	$(GO) vet ./...
	cd gateway/bench && $(GO) vet ./...
	$(call say,staticcheck)
	$(GO) run $(STATICCHECK) ./...
	$(call say,go.mod and go.sum)
	$(GO) mod tidy -diff
	$(GO) mod verify

# Fixtures, fuzz seeds, the walls of the house, command-line scripts, the end-to-end run of the built binary, the commands in the
# documents are all Go tests.
unit: prepare
	$(call say,go test $(RACE))
	$(GO) test $(RACE) -timeout 12m ./...

engines: prepare
	$(call say,SM2 SM3 SM4 without assembly)
	$(GO) test -tags purego ./standard/sm
	$(call say,$(CROSSCHECK) signatures of each SM2 engine checked by the other)
	TONGMA_CROSSCHECK=$(CROSSCHECK) $(GO) test -timeout 12m ./standard/sm/second

bench: ## the figures, as ratios of two sides measured in one run; BENCH=-json for JSON
	@.ci/prepare build
	@cd gateway/bench && $(GO) run . $(BENCH)

nightly: prepare kills soak fuzz ## what is too long for every change: a night's run of CI
	$(call say,all of it holds)

fuzz: ## every fuzz target for FUZZTIME each
	@$(GO) list -f '{{.ImportPath}} {{.Dir}}' ./... | while read -r pkg dir; do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go 2>/dev/null | cut -c6-); do \
	    printf '\n== %s %s\n' "$$pkg" "$$f"; \
	    $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
	  done; \
	done

kills: ## a node killed in the midst of writing, KILLS times, 100 if not given: nothing acknowledged is lost
	TONGMA_KILLS=$(KILLS) $(GO) test -count 1 -timeout 0 -v -run '^TestNothingAcknowledgedIsLostToKill$$' ./gateway/evidence

soak: ## faults, notices, operators and exchanges at once for SOAK, 10m if not given: memory must stay flat
	TONGMA_SOAK=$(SOAK) $(GO) test -count 1 -timeout 0 -v -run '^TestSoak$$' ./gateway/trial

clean: ## what the targets above have made
	rm -rf bin dist demo

prepare:
	@.ci/prepare test

# The race detector needs a C compiler. Without one the tests still run, and .ci/prepare has said so.
RACE = $(if $(shell command -v $$($(GO) env CC) 2>/dev/null),-race)
