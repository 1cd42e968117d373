# A thin front to CMake: `make help` lists the targets.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
BENCH_SIZE ?= 1G
LABEL ?=
TIDY ?= 1
FUZZERS = $(patsubst tests/fuzz/%.cpp,%,$(wildcard tests/fuzz/fuzz_*.cpp))

GENERATOR = $(if $(shell command -v ninja),Ninja,Unix Makefiles)
CONFIGURE = cmake -S . -G "$(GENERATOR)"

.DEFAULT_GOAL := build
.PHONY: deps build check demo run install uninstall bench fuzz sanitize lint clean help

deps: ## Install missing Debian packages (GROUPS="build test bench fuzz lint")
	@contrib/deps.sh $(or $(GROUPS),build test)

build: deps ## Build everything; programs are in build/bin
	@test -f $(BUILD)/CMakeCache.txt || $(CONFIGURE) -B $(BUILD)
	@cmake --build $(BUILD) --parallel $(JOBS)

check: build ## Build, and run all tests
	ctest --test-dir $(BUILD) --output-on-failure -j2

demo: build ## Show a file going from one node to another, on this machine alone
	@KACHERY_BIN=$(BUILD)/bin contrib/demo.py

run: build ## Run a daemon in the foreground: make run LABEL=my-computer
	@test -n "$(LABEL)" || { echo "make run: name this node, as in: make run LABEL=my-computer" >&2; exit 2; }
	@exec $(BUILD)/bin/kachery-p2p-daemon start --label "$(LABEL)"

install: build ## Install under PREFIX (default /usr/local); DESTDIR is honoured
	DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(PREFIX)"

uninstall: ## Remove what `make install` put there (same DESTDIR)
	@test -f $(BUILD)/install_manifest.txt || { echo "make uninstall: nothing was installed from $(BUILD)" >&2; exit 1; }
	@while read -r path || [ -n "$$path" ]; do rm -fv "$(DESTDIR)$$path"; done < $(BUILD)/install_manifest.txt

bench: build ## Measure against yardsticks (BENCH_SIZE=1G)
	@contrib/deps.sh bench
	@KACHERY_BIN=$(BUILD)/bin tests/bench/bench.py --size $(BENCH_SIZE) --json $(BUILD)/bench.json

fuzz: deps ## Run each fuzz target for FUZZ_SECONDS (default 60)
	@contrib/deps.sh fuzz
	@test -f build-fuzz/CMakeCache.txt || $(CONFIGURE) -B build-fuzz \
	    -DCMAKE_C_COMPILER=clang-16 -DCMAKE_CXX_COMPILER=clang++-16 -DKACHERY_FUZZ=ON
	@cmake --build build-fuzz --parallel $(JOBS) --target $(FUZZERS)
	@tests/fuzz/run.sh build-fuzz $(FUZZ_SECONDS) $(FUZZERS)

sanitize: deps ## Run all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@test -f build-asan/CMakeCache.txt || $(CONFIGURE) -B build-asan -DKACHERY_SANITIZE=address,undefined \
	    -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="-O1 -g1" -DCMAKE_CXX_FLAGS="-O1 -g1"
	@cmake --build build-asan --parallel $(JOBS)
	ctest --test-dir build-asan --output-on-failure -j2

lint: build ## Check format, static analysis (TIDY=0: without), scripts, and the order of the rooms
	@contrib/deps.sh lint
	@TIDY=$(TIDY) tests/lint/lint.sh $(BUILD)

clean: ## Remove the build directories
	rm -rf $(BUILD) build-asan build-fuzz

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
