# Every target sets itself up; `make` alone lists them. No recipe edits a tracked file but `lock` and the reports.
PYTHON ?= $(shell for v in 3.13 3.12 3.11 3; do python$$v -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo python$$v && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DATA ?=
DOCKER ?= docker
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
TAG ?= $(VERSION)
COMPILE := --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Start here
.PHONY: setup demo test
setup: $(READY) ## Python packages, pinned by hash, in .venv

demo: $(READY) ## From an empty folder to a morning's predictions; DATA=<folder> takes your own history
	@$(BIN)/upper-circuit demo $(if $(DATA),--history "$(DATA)")

test: $(READY) ## Every test but those of a cluster; MARKET_DATA=<folder> adds those on real history
	@$(BIN)/python -m pytest -n 2 --dist loadscope -q tests

##@ Work on it
.PHONY: check lint types imports coverage fuzz
check: lint types imports ## What must hold before a commit, fastest first

lint: $(READY) ## Style and common mistakes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: $(READY) ## mypy, strict
	@$(BIN)/mypy --no-error-summary

imports: $(READY) ## Who may import whom
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

coverage: $(READY) ## The tests again, with branches counted; fails below the floor of a package
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -q -p no:xdist tests
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report
	@for floor in upper_circuit:90 batch:90 transformer:95 predictor:90 cli:90; do \
	  $(BIN)/coverage report --format=total --include="$${floor%:*}/*" --fail-under="$${floor#*:}" >/dev/null \
	  || { echo "$${floor%:*}: fewer than $${floor#*:} % of branches and lines"; exit 1; }; done

fuzz: $(READY) ## Thousands of broken models against a process that serves
	@$(BIN)/python -m tests.fuzz.model_corpus

##@ Measure it
.PHONY: bench-batch bench-online judge-trials load load-short model-report
bench-batch: $(READY) ## 11,000 stocks x 400 sessions beside a naive reference, in one run
	@$(BIN)/python -m tests.benchmarks.bench_batch $(ARGS)

bench-online: $(READY) ## Our pair beside the best and the naive stock pair, interleaved, one core for each; ARGS=--write
	@$(BIN)/python -m tests.benchmarks.bench_online $(ARGS)

judge-trials: $(READY) ## How often the judge of canaries is wrong, by kind of canary
	@$(BIN)/python -m tests.judging_trials

load: $(READY) ## A trading desk's load in full: 20 minutes, p95 below 100 ms, errors below 1 %
	@$(BIN)/python -m tests.load

load-short: $(READY) ## The same in little: 40 seconds
	@$(BIN)/python -m tests.load short

model-report: $(READY) ## How good the model is on real history: MARKET_DATA=<folder>; writes docs/model-report.md
	@$(BIN)/upper-circuit model-report

##@ Ship it
.PHONY: chart images e2e e2e-full kind
chart: $(READY) ## The chart rendered by Helm, held to schemas, policies and its own rules; HELM=<file> where it is not in the PATH
	@$(BIN)/python -m pytest -q -n 2 --dist loadscope tests/chart

images: ## Container images; DOCKER=<client>, TAG=<version>
	@for program in transformer predictor batch tools; do \
	  $(DOCKER) build $(DOCKER_BUILD) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) \
	    -f Dockerfile.$$program -t upper-circuit/$$program:$(TAG) -t upper-circuit/$$program . || exit 1; done

e2e: $(READY) ## Cluster tests, one of each kind, on the cluster at KUBECONFIG; wants the images with TAG=dev on its nodes
	@$(BIN)/python -m pytest -q -p no:xdist --with-e2e tests/e2e

e2e-full: $(READY) ## All cluster tests
	@$(BIN)/python -m pytest -q -p no:xdist --with-e2e --full tests/e2e

kind: ## A cluster on this laptop with KServe, a Gateway and the demo in it; wants Docker, kind, kubectl, helm
	@k8s/kind-up.sh

##@ Keep it
.PHONY: lock clean
lock: $(READY) ## Resolve the dependencies anew into requirements/
	@$(BIN)/uv pip compile $(COMPILE) --all-extras -o requirements/dev.txt pyproject.toml
	@for program in batch transformer predictor tools; do \
	  $(BIN)/uv pip compile $(COMPILE) --extra $$program -c requirements/dev.txt -o requirements/$$program.txt pyproject.toml; done

clean: ## Everything that was made here, but not data/
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "upper-circuit needs Python 3.11, 3.12 or 3.13 in the PATH"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
