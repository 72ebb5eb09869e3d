# Every target sets itself up; `make` alone lists them.
PYTHON ?= $(shell for v in 3.13 3.12 3.11 3; do python$$v -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' 2>/dev/null && echo python$$v && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Start here
.PHONY: setup
setup: $(READY) ## Python packages, pinned by hash, in .venv

$(READY): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "upper-circuit needs Python 3.11, 3.12 or 3.13 in the PATH"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: lock
lock: ## Resolve the dependencies anew (edits requirements/)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras -o requirements/dev.txt pyproject.toml
