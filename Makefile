# Needed: Rust (rustup), Go 1.26 or newer, a C compiler, make, util-linux; for the tests also Chromium with its driver. Everything else is built from here.
.DEFAULT_GOAL := help
.PHONY: help setup tools demo demo-stop image test test-fast test-oldest bench soak lint generate

help: ## Show this.
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

setup:
	@command -v cargo >/dev/null || { echo 'Rust is missing: install it with rustup (https://rustup.rs)' >&2; exit 1; }
	@command -v cc >/dev/null || { echo 'A C compiler is missing: install gcc or clang (Debian: apt-get install gcc libc6-dev)' >&2; exit 1; }
	@command -v go >/dev/null || { echo 'Go is missing: install Go 1.26 or newer (https://go.dev/dl)' >&2; exit 1; }
	@command -v flock >/dev/null && command -v setpriv >/dev/null || { echo 'flock and setpriv are missing (Debian: apt-get install util-linux)' >&2; exit 1; }

tools: setup
	@bin=$$(tests/env/tools.sh world) && tests/env/tools.sh chromium etcd kube-apiserver kube-controller-manager kubectl registry helm kubeconform promtool krew \
		$$(! "$$bin/world" node-check >/dev/null 2>&1 || echo node) keyring-oracle schemas fakecloud >/dev/null
	@for program in zsh fish pass ministack; do tests/env/tools.sh $$program >/dev/null || test -z "$$CI" || exit; done

demo: setup ## Start a real control plane, show the operator work and fail well. KEEP=1 leaves it running.
	@hack/demo.sh $(if $(KEEP),keep)

demo-stop: setup ## End what `make demo KEEP=1` left running.
	@hack/demo.sh stop

image: setup ## Build the container image into target/image, without an engine. PUSH=REGISTRY/REPOSITORY:TAG pushes it.
	@hack/image.sh $(if $(PUSH),--push $(PUSH))

test-fast: ## Run the tests that need no Go and no cluster.
	cargo test --lib --test domain

test: tools ## Run all tests.
	cargo test --no-fail-fast

# Not on the oldest Kubernetes: what needs a node, since a kubelet must not be newer than its API server; what needs no API server;
# image volumes, which are off before 1.35; and Secrets attached to pods, which need 1.36.
NOT_OLDEST = node:: browser:: chart:: image:: oracle:: verify:: world::what_is_missing pulls::failure_of_an_image_volume attach:: fleets::pods_of_selected

test-oldest: setup ## Run the tests of the control plane on the oldest supported Kubernetes.
	@echo 'Not part of it: the cluster tests $(NOT_OLDEST)'
	@DPS_TEST_KUBERNETES=oldest tests/env/tools.sh chromium etcd kube-apiserver kube-controller-manager kubectl registry helm promtool krew world fakecloud >/dev/null
	@DPS_TEST_KUBERNETES=oldest tests/env/tools.sh ministack >/dev/null || test -z "$$CI"
	DPS_TEST_KUBERNETES=oldest cargo test --no-fail-fast --test cluster -- $(addprefix --skip ,$(NOT_OLDEST))

bench: setup ## Measure the operator beside a bare client.
	@tests/env/tools.sh etcd kube-apiserver kube-controller-manager kubectl registry helm world fakecloud >/dev/null
	cargo build --release --bin dps --example bench
	for part in writes logins pulls page cloud "namespaces 1500" "namespaces 10000" hostile; do target/release/examples/bench $$part || exit; done

soak: setup ## Let everything change and fail for MINUTES=30, and check that all is right in the end.
	@tests/env/tools.sh etcd kube-apiserver kube-controller-manager kubectl world >/dev/null
	cargo build --release --bin dps --example bench
	target/release/examples/bench soak $(or $(MINUTES),30) $(or $(SEED),$$(date +%s))

lint: setup ## Check formatting, lints and dependencies.
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	test -z "$$(gofmt -l tests/env/cmd tests/env/internal hack/image)"
	cd tests/env && go vet ./cmd/... ./internal/... && go test ./cmd/fakecloud ./internal/...
	cd hack/image && go vet ./...
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --quiet
	hack/portable.sh
	hack/deny.sh

generate: setup ## Write crds/, the chart's copy and deploy/ anew.
	hack/generate.sh
