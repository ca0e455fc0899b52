# `make` alone lists the targets.

GO ?= go
PREFIX ?= /usr/local
FUZZTIME ?= 1m
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64

# What the tests and the benchmarks talk to, as Debian names the packages.
TEST_TOOLS = redis-server python3 python3-redis python3-setuptools python3-wheel
BENCH_TOOLS = redis-server sqlite3

.PHONY: help build install test check format vet staticcheck race cross torture fuzz bench profile clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: ## build ./nubdb, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w' -o nubdb .

install: build ## install it and its manual page below PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 755 nubdb $(DESTDIR)$(PREFIX)/bin/nubdb
	install -m 644 docs/nubdb.1 $(DESTDIR)$(PREFIX)/share/man/man1/nubdb.1

test: ## install or name what the tests need, then run them
	@sh .ci/tools $(TEST_TOOLS)
	@GO='$(GO)' sh .ci/gotest ./...

check: format vet staticcheck race cross ## all that must hold before a commit: 'make test' with -race, and more

format: ## fail if gofmt would change a file
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt -w" $$files; exit 1; fi

vet: ## go vet
	$(GO) vet ./...

staticcheck: ## staticcheck
	$(GO) tool staticcheck ./...

race: ## run the tests with the race detector, which needs a C compiler
	@sh .ci/tools $(TEST_TOOLS) gcc
	@GO='$(GO)' sh .ci/gotest -race ./...

cross: ## build and vet for every platform
	@for platform in $(PLATFORMS); do \
		echo "$$platform"; \
		export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
		$(GO) build -pgo=off -o /dev/null . && $(GO) vet ./... || exit 1; \
	done

torture: ## the crash and property tests with their full numbers: hours
	NUBDB_TORTURE=1 $(GO) test -count=1 -timeout 24h ./...

fuzz: ## run every fuzz target for FUZZTIME (1m)
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

bench: ## measure whole processes beside their peers, then run Go's benchmarks
	@sh .ci/tools $(BENCH_TOOLS)
	$(GO) run ./bench
	$(GO) test -run '^$$' -bench . -benchmem ./...

profile: ## measure anew, for the compiler, which code is hot: default.pgo
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	profile() { \
		$(GO) test -run '^$$' -bench '^Benchmark(Set|Get)$$' -benchtime $$2x -count 3 -cpuprofile "$$dir/$$1" -o "$$dir/test" ./$$1; \
	} && \
	profile batch 2000000 && profile server 300000 && \
	$(GO) tool pprof -proto -focus '(batch\.\(\*run\)|server\.\(\*loop\)|engine\.\(\*syncer\))\.' "$$dir/batch" "$$dir/server" >default.pgo

clean: ## remove what was built
	rm -f nubdb
