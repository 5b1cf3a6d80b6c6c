# Fanfold's commands: `make help` lists them. A fresh machine needs Python 3.11 or newer and make.

PYTHON ?= python3
UV_VERSION := $(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' constraints.txt)
BIN := .venv/bin
# What the environment was made from: it is made again when one of these changes.
STAMP := .venv/.made-from-$(shell cat constraints.txt pyproject.toml | cksum | tr -d ' ')

PEERS_STAMP := .venv-bench/.made-from-$(shell cksum < bench/peers.txt | tr -d ' ')

.PHONY: help env demo test test-thorough explore storms test-servers mutants check format test-cluster test-cluster-long cluster-up cluster-down bench bench-slow bench-services bench-cluster bench-pins simulate picture pictures constraints clean

help:  ## list the commands
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 16

env: $(STAMP)  ## make the environment in .venv from the locked constraints

$(STAMP):
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fanfold needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@$(BIN)/pip --quiet --disable-pip-version-check install uv==$(UV_VERSION)
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes constraints.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@rm -f .venv/.made-from-*
	@touch $@

demo: env  ## start both services, count words of Python's own library through them, stop
	@$(BIN)/python -m fanfold_client.local.demo

test: env  ## all tests that need no cluster (real etcd and S3 servers come from the environment)
	$(BIN)/pytest --numprocesses 3 --dist worksteal --hypothesis-profile few -m "not thorough"

test-thorough: env  ## what takes longer: a kill at every write, every kind of bad input, every feature through the services
	$(BIN)/pytest --numprocesses 4 --dist worksteal -m "thorough or hypothesis"

explore: env  ## properties alone, with examples that no other run has drawn
	$(BIN)/pytest --numprocesses 4 --dist worksteal --hypothesis-profile explore -m hypothesis

storms: env  ## kills by the dozen, which take minutes: of `fanfold up` under jobs, of etcd's leader under clients
	$(BIN)/pytest tests/storms --numprocesses 0 --timeout 900 -s

test-servers: env  ## the storage contracts on MinIO, the Versity gateway and etcd 3.7, built from Go modules (Debian, root)
	$(BIN)/python -m tests.cluster build minio versitygw etcd
	$(BIN)/pytest tests/storage_servers --numprocesses 2 --dist loadscope

mutants: env  ## change the code a little, print what no test sees: BASE=main~5 (lines changed since), SAMPLE=100 SEED=1
	$(BIN)/python -m tests.mutants $(if $(BASE),--base $(BASE)) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

check: env  ## lint, types, and the order of layers and packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy storage steps workflows web auth_api submit_api client bench examples tests
	$(BIN)/lint-imports

format: env  ## put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

test-cluster: env  ## the tests on a real Kubernetes with Argo (Debian, root); builds, starts and removes it
	$(BIN)/python -m tests.cluster run -- $(BIN)/pytest tests/argo --timeout 900 -m "not long"

test-cluster-long: env  ## the same, what takes minutes: failing parts of the cluster, two hundred pods, more cases on both storages
	$(BIN)/python -m tests.cluster run -- $(BIN)/pytest tests/argo --timeout 900 -m long

cluster-up: env  ## bring the test cluster up and leave it up
	$(BIN)/python -m tests.cluster up

cluster-down: env  ## take the test cluster down
	$(BIN)/python -m tests.cluster down

bench: env $(PEERS_STAMP)  ## measure beside other tools (15 minutes), and write docs/performance.md
	$(BIN)/python -m bench standard

bench-slow: env $(PEERS_STAMP)  ## how time and memory grow, and what is larger than memory (another half hour)
	$(BIN)/python -m bench slow

bench-services: env  ## what requests to the services cost, beside empty routes and bare transactions (20 minutes)
	$(BIN)/python -m bench services

bench-cluster: env  ## a small job on the test cluster, beside Argo by hand
	$(BIN)/python -m bench cluster

$(PEERS_STAMP):
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	$(BIN)/uv pip sync --quiet --compile-bytecode --python .venv-bench/bin/python --require-hashes bench/peers.txt
	@rm -f .venv-bench/.made-from-*
	@touch $@

bench-pins:  ## lock the versions of what the bench measures beside us
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --upgrade bench/peers.in --output-file bench/peers.txt

simulate: env  ## run jobs of many thousand tasks against a simulated S3 and clock (some minutes), and write docs/scale.md
	$(BIN)/python -m bench.simulate

picture: env  ## draw docs/demo.svg, the picture in the README, from a run of the demo
	$(BIN)/python -m bench.picture

pictures: env  ## take the screenshots in docs/ anew, on the test cluster (Debian, root)
	FANFOLD_PICTURES=docs $(BIN)/python -m tests.cluster run -- $(BIN)/pytest tests/argo/test_argo_ui.py --timeout 900

constraints:  ## lock the versions again
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev --generate-hashes \
	  --no-emit-index-url --no-header --upgrade pyproject.toml --output-file constraints.txt

clean:  ## remove the environments and everything that was made
	rm -rf .venv .venv-bench build dist

include argo/images/Makefile
