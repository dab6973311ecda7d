# On a fresh machine: `make demo` runs Tenantry, `make test` tests it. Each sets up what it needs.
# Needs make, Python 3.12 or newer and pip; see scripts/bootstrap.sh. CI calls these targets only.

SHELL := /bin/sh
UV := .tools/bin/uv
BIN := .venv/bin
SOURCES := $(wildcard libs/*/src services/*/src cli/src)
SUITES := $(filter-out tests/bench/,$(wildcard tests/*/))
SERVICES := $(notdir $(wildcard services/*))
SERVERS ?= prometheus prometheus-pushgateway victoria-metrics redis-server
IMAGES ?= tenantry
ARGS ?=

empty :=
space := $(empty) $(empty)

.DEFAULT_GOAL := help
.PHONY: help setup servers sync fmt lint types arch lock map crd check test test-unit test-kubernetes e2e oracle oracle-shards oracle-delivery oracle-relabel leakage test-push fuzz-push bench-delivery bench-gateway bench-push bench-cache proto demo demo-push images up down clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9% -]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup: ## install uv and the locked packages into .tools and .venv (every target does this first)
	@scripts/bootstrap.sh

servers: setup ## install the servers that this machine lacks into .tools/bin (SERVERS="…")
	@$(BIN)/python -m tenantry_local.install $(SERVERS)

sync: ## after a change of a pyproject.toml: bring uv.lock and .venv in line (needs the network)
	@[ -x $(UV) ] || scripts/bootstrap.sh
	$(UV) lock
	@scripts/bootstrap.sh

fmt: setup ## format the sources and apply the safe fixes
	$(BIN)/ruff check --fix $(ARGS)
	$(BIN)/ruff format

lint: setup ## ruff: rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# One run for all members: they share a cache, and no two have a package of the same name. Tests have
# no __init__.py, so their folders tell test_config.py of one member from that of another.
types: setup ## mypy, strict, over all members and tests
	MYPYPATH=$(subst $(space),:,$(SOURCES)) $(BIN)/python -m mypy --explicit-package-bases \
		$(SOURCES) tests conftest.py

arch: setup ## who may import whom, and the rules of the layout
	$(BIN)/lint-imports
	$(BIN)/pytest tests/architecture

# Indexes named for this machine are left out: uv.lock is written for pypi.org. Offline, because all
# that the comparison needs is in the lock; only a lock that no longer fits would ask the network.
lock: setup ## whether uv.lock fits the pyproject.toml files
	env -u UV_DEFAULT_INDEX -u UV_INDEX_URL -u UV_INDEX $(UV) lock --check --offline

map: setup ## write the map of modules in ARCHITECTURE.md again, from their docstrings
	$(BIN)/python scripts/map.py

crd: setup ## write the CRD of MetricAccess again, from the Structs
	$(BIN)/python scripts/crd.py

check: lint types arch lock ## everything that needs no server: lint, types, arch, lock

test: servers ## all tests; ARGS="-k …" passes arguments to pytest
	$(BIN)/pytest $(SUITES) $(ARGS)

test-unit: setup ## the tests that start nothing
	$(BIN)/pytest tests/unit $(ARGS)

e2e: servers ## the tests that run all services as processes
	$(BIN)/pytest tests/e2e $(ARGS)

# At least COMPARISONS comparisons; THROUGH=library or gateway; PROMETHEUS_BIN names another server.
COMPARISONS ?= 20000
THROUGH ?= library
oracle: servers ## compare answers with a Prometheus that holds only what is permitted
	$(BIN)/python -m tests.oracle.promql.run --comparisons $(COMPARISONS) --through $(THROUGH) $(ARGS)

SHARDS ?= 3
oracle-shards: servers ## compare answers put together from several servers with those of one (SHARDS=…)
	$(BIN)/python -m tests.oracle.shards.run --comparisons $(COMPARISONS) --shards $(SHARDS) $(ARGS)

KILLS ?= 20
oracle-delivery: servers ## kill and pause processes, then compare every sample (KILLS=…, ARGS=--pairs)
	$(BIN)/python -m tests.oracle.delivery.run --kills $(KILLS) $(ARGS)

oracle-relabel: servers ## compare relabelling with what a real Prometheus makes of the same scrapes
	$(BIN)/python -m tests.oracle.relabel.run $(ARGS)

leakage: servers ## hostile requests against the gateway, a real Prometheus behind it
	$(BIN)/pytest tests/leakage $(ARGS)

# KUBEBUILDER_ASSETS names a folder with etcd and kube-apiserver; without, kmock stands for them.
test-kubernetes: servers ## the tests of Kubernetes, on a real API server where KUBEBUILDER_ASSETS is set
	$(BIN)/pytest tests/kubernetes tests/deploy tests/integration/tenant_controller tests/integration/discovery/kubernetes \
		tests/unit/tenant_controller tests/unit/discovery $(wildcard tests/unit/common/test_kubernetes*.py) $(ARGS)

test-push: servers ## the tests of pushing clusters: receiver, /federate, edge, telemeter's contract
	$(BIN)/pytest tests/push tests/e2e/test_push.py tests/unit/receiver tests/integration/receiver \
		tests/unit/cli/demo_push tests/unit/writer/test_families.py tests/unit/writer/test_authorised.py \
		tests/unit/tenant_controller/test_transform.py tests/unit/collector/test_transform.py \
		tests/unit/common/test_label_steps.py tests/unit/common/test_endpoints.py \
		$(wildcard tests/unit/*/test_edge*.py tests/unit/*/test_telemeter*.py tests/integration/*/test_telemeter*.py) $(ARGS)

fuzz-push: setup ## look for bodies that a receiver neither takes nor refuses (needs the network once)
	$(UV) run --frozen --with atheris==3.1.0 python -m tests.push.fuzz $(or $(ARGS),-max_total_time=60)

proto: setup ## regenerate the protobuf modules after a change of a .proto (needs the network)
	$(UV) tool run --from grpcio-tools python -m grpc_tools.protoc -I libs/common/src \
		--python_out=libs/common/src --pyi_out=libs/common/src \
		$(wildcard libs/common/src/tenantry_common/proto/*.proto)

bench-delivery: setup ## what delivery costs beside vmagent (VMAGENT_BIN=…, ARGS="--series 100000")
	$(BIN)/python -m tests.bench.bench_delivery $(ARGS)

bench-gateway: servers ## what the gateway costs, beside asking Prometheus directly (ARGS="--seconds 1")
	$(BIN)/python -m tests.bench.gateway $(ARGS)

bench-push: servers ## uploads while a receiver, a writer and a NATS node are killed
	$(BIN)/python -m tests.bench.bench_push $(ARGS)

bench-cache: servers ## what the range cache saves a backend, beside a query per panel (ARGS=--redis)
	$(BIN)/python -m tests.bench.bench_cache $(ARGS)

bench-%: setup ## run tests/bench/bench_….py: bench-promql, bench-collector, bench-writer, bench-federate
	$(BIN)/python tests/bench/bench_$*.py $(ARGS)

demo-push: servers ## an isolated cluster pushes to two receivers, one is killed (ONCE=1: end by itself)
	@$(BIN)/tenantry demo-push $(if $(ONCE),--once) $(ARGS)

demo: servers ## run everything on this machine and show it (ONCE=1: show it once and end)
	@$(BIN)/tenantry demo $(if $(ONCE),--once) $(ARGS)

images: ## build the container image of each service (IMAGES=prefix; needs docker)
	$(foreach service,$(SERVICES),docker build -f deploy/Dockerfile --build-arg SERVICE=$(service) \
		-t $(IMAGES)/$(service) . &&) true

up: ## run it with Docker, see docker-compose.yml (after make images)
	docker compose up --detach --wait

down: ## stop what make up started
	docker compose down

OVERLAY ?= ha
.PHONY: manifests
manifests: setup ## print the Kubernetes manifests (OVERLAY=ha or minimal)
	@$(BIN)/kubectl kustomize deploy/kubernetes/overlays/$(OVERLAY)

clean: ## remove everything that was installed or written here
	rm -rf .venv .tools .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
