# faasd. `make up` and `make test` are the two commands of the README; `make help` lists the rest.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# ZeroMQ is a C library.
export CGO_ENABLED = 1

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --verify --quiet HEAD)
LDFLAGS := -X faasd/internal/config.Version=$(VERSION) -X faasd/internal/config.Commit=$(COMMIT)

# Flags for `make up`, for example ARGS="--http :3001".
ARGS ?=
# Flags for `go test` in `make test`, for example TESTFLAGS="-run Echo -v".
TESTFLAGS ?=
# How long `make fuzz` spends on each fuzz target.
FUZZTIME ?= 10s
# How many systems `make sim` simulates under all faults, and one in 60 of that under each profile of few; the first
# seed; and the one profile, for example PROFILE="queues die" or PROFILE=mixed, that is wanted, if not all.
SEEDS   ?= 2000
FROM    ?= 0
PROFILE ?=
# How much CPU time the former may cost; 0 is any. `make test` has 2000 of them, and allows a minute of two processors.
WITHIN  ?= 0
# `make bench`: rounds, seconds of each measurement, further flags (see docs/BENCHMARKS.md).
BENCH_ROUNDS  ?= 3
BENCH_SECONDS ?= 5
BENCH_ARGS    ?=
# `make bench-compare`: the commit to compare the working tree with, for example BASE=HEAD~1.
BASE ?=
# Flags for `make chaos`, for example CHAOS_ARGS="--duration 10m --seed 7".
CHAOS_ARGS ?=
# Flags for `make overload`, `make soak` and `make harm`, for example SOAK_ARGS="--duration 8h".
OVERLOAD_ARGS ?=
SOAK_ARGS     ?=
HARM_ARGS     ?=

STATICCHECK = go tool -modfile=$(CURDIR)/tools/go.mod staticcheck

# Some targets install things before others build: always one after the other.
.NOTPARALLEL:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

.PHONY: up
up: ## install what is missing, build, start the whole system
	@[ -x bin/faasd ] || echo 'building faasd, which takes a minute or two the first time'
	@$(MAKE) --no-print-directory build
	@exec bin/faasd up $(ARGS)

.PHONY: test
test: ## install what is missing, then everything that proves the product, with -race
	@scripts/deps --test
	@$(MAKE) --no-print-directory compile
	go test -race -timeout 8m $(TESTFLAGS) ./...
	@$(MAKE) --no-print-directory sim SEEDS=2000 FROM=0 PROFILE= WITHIN=120s
	cd bench && go vet ./... && go test -race -timeout 2m ./...
	cd conformance && go vet ./... && go test -race -timeout 2m ./...

.PHONY: manifests
manifests: deps compile ## hold docker-compose.yml and deploy/ against the loaders and types of who reads them
	cd deploy/check && go vet ./... && go test -timeout 10m ./...

.PHONY: build
build: deps compile ## build bin/faasd and bin/faasctl

.PHONY: compile
compile:
	@mkdir -p bin
	@go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/faasd ./cmd/faasctl

.PHONY: examples
examples: ## build the functions of examples/ that need it, into bin/examples
	@scripts/examples bin/examples

.PHONY: bench
bench: build ## compare with what people would use instead; prints tables
	@scripts/deps --bench
	@cd bench && go build -o ../bin/bench . && export CGO_ENABLED=0 && \
		go build -o ../bin/functions/lambda/bootstrap ./functions/lambda && go build -o ../bin/functions/copy ./functions/copy && \
		GOOS=wasip1 GOARCH=wasm go build -o ../bin/functions/copy.wasm ./functions/copy
	@BENCH_ROUNDS=$(BENCH_ROUNDS) BENCH_SECONDS=$(BENCH_SECONDS) \
		exec bin/bench --faasd bin/faasd --functions bin/functions --build '$(VERSION)' $(BENCH_ARGS)

.PHONY: sizing
sizing: ## measure what single steps cost and reckon a large cluster from it, into docs/SCALING.md
	@$(MAKE) --no-print-directory bench BENCH_ARGS='--parts units --markdown docs/SCALING.md $(BENCH_ARGS)'

.PHONY: bench-compare
bench-compare: deps ## measure the hot paths at commit BASE and in the working tree; prints a table
	@exec scripts/bench-compare $(if $(BASE),'$(BASE)')

.PHONY: record
record: build ## run what README.md shows as recorded and put in what it prints
	@scripts/record

.PHONY: sim
sim: ## torment SEEDS (2000) simulated systems; FROM is the first seed, PROFILE the faults if not all
	@case '$(SEEDS)' in ''|0*|*[!0-9]*) echo "make sim: SEEDS is how many systems are simulated, a number from 1 on; it is '$(SEEDS)'" >&2; exit 2;; esac
	@case '$(FROM)' in ''|*[!0-9]*) echo "make sim: FROM is the first seed, a number from 0 on; it is '$(FROM)'" >&2; exit 2;; esac
	go test -v -timeout 0 ./internal/sim -run 'TestEveryRequestIsAnsweredWhateverFails|TestEveryRuleHoldsUnderItsFaults' \
		-seeds $(SEEDS) -each $$(($(SEEDS) / 60)) -from $(FROM) -profile '$(PROFILE)' -within $(WITHIN)

.PHONY: chaos
chaos: build ## kill, stop and cut off every part under load for 3 minutes; prints a table
	@go build -o bin/chaos ./internal/chaos/cmd
	@exec bin/chaos torment --faasd bin/faasd $(CHAOS_ARGS)

.PHONY: overload
overload: build ## send a function 4 times what it can do for 30 seconds; prints a table
	@go build -o bin/ ./internal/chaos/timed
	@go build -o bin/chaos ./internal/chaos/cmd
	@exec bin/chaos overload --faasd bin/faasd $(OVERLOAD_ARGS)

.PHONY: soak
soak: build ## leave a system at work for an hour and see whether anything grows; prints a table
	@go build -o bin/ ./internal/chaos/timed
	@go build -o bin/chaos ./internal/chaos/cmd
	@exec bin/chaos soak --faasd bin/faasd $(SOAK_ARGS)

.PHONY: harm
harm: build ## deploy functions that behave badly beside one that does not; prints a table
	@CGO_ENABLED=0 go build -ldflags '-s -w' -o bin/ ./internal/chaos/guest
	@go build -o bin/chaos ./internal/chaos/cmd
	@exec bin/chaos harm --faasd bin/faasd $(HARM_ARGS)

.PHONY: image
image: ## build the image of all roles, faasd
	docker build -t faasd --build-arg VERSION='$(VERSION)' --build-arg COMMIT='$(COMMIT)' .

.PHONY: compose-test
compose-test: ## try the image, docker-compose.yml and the Swarm overlay on a real engine
	@exec scripts/with-engine scripts/compose-test

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, shellcheck
	@scripts/deps --lint
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	cd bench && go vet ./...
	cd conformance && go vet ./...
	cd deploy/check && go vet ./...
	for m in examples/*/go.mod; do go vet -C "$${m%/*}" . && (cd "$${m%/*}" && $(STATICCHECK) .) || exit; done
	$(STATICCHECK) ./...
	cd bench && $(STATICCHECK) ./...
	cd conformance && $(STATICCHECK) ./...
	cd deploy/check && $(STATICCHECK) ./...
	shellcheck scripts/* .ci/run deploy/check/systemd/testdata/*.sh

.PHONY: fuzz
fuzz: deps ## run each fuzz target for FUZZTIME (10s)
	@scripts/fuzz $(FUZZTIME)

.PHONY: deps
deps: ## install what building needs; silent when nothing is missing
	@scripts/deps

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
