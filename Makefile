# Two commands set everything up on a fresh machine: `make reproduce` and `make test`.
# PYTHON=python3.12 picks another interpreter; PIP_INSTALL_FLAGS adds options, such as an index for CPU-only torch.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PROFILE ?= standard
THREADS ?= 1

.PHONY: help reproduce runs test test-slow bench lint environment

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

reproduce: $(INSTALLED)  ## environment, data, and the 80-second net of 2012 trained here, beside its published figures
	$(BIN)/python -m reproduce quick

# Side by side by make's own -j. A published run is a stage, which DVC records; DVC runs sibling stages at once with -s.
runs: $(INSTALLED)  ## what a study lacks, side by side: make -j2 runs STUDY=alexnet_small PROFILE=full [THREADS=1]
	@test -n "$(STUDY)" || { echo "name a study: make -j2 runs STUDY=alexnet_small PROFILE=full" >&2; exit 2; }
	@missing=$$($(BIN)/python -m reproduce train $(STUDY) --profile $(PROFILE) --list) || exit $$?; \
	test -n "$$missing" || { echo "$(STUDY) lacks no run of profile $(PROFILE)"; exit 0; }; \
	exec $(MAKE) --no-print-directory $$missing

# run/ or stage/, then study/variant/epochs<n>/seed<k>. Through cat, progress is plain lines: bars would overwrite each
# other.
run/% stage/%: SHELL := /bin/bash
run/% stage/%: name = $(subst /, ,$*)
run/% stage/%: seed = $(patsubst seed%,%,$(word 4,$(name)))
run/% stage/%: logged = 2>&1 | (trap '' INT TERM; cat)
run/%:
	@set -o pipefail; OMP_NUM_THREADS=$(THREADS) $(BIN)/python -m reproduce train $(wordlist 1,2,$(name)) \
	--epochs $(patsubst epochs%,%,$(word 3,$(name))) --seed $(seed) $(logged)
stage/%:
	@set -o pipefail; OMP_NUM_THREADS=$(THREADS) $(BIN)/dvc --wait-for-lock repro -s \
	experiments/$(word 1,$(name))/dvc.yaml:$(word 2,$(name))@$(seed) $(logged)

test: $(INSTALLED)  ## the test suite (minutes)
	$(BIN)/python -m pytest

test-slow: $(INSTALLED)  ## the long tests too: kills, the whole pipeline
	$(BIN)/python -m pytest -m slow

bench: $(INSTALLED)  ## training speed against the standard loop, on a quiet machine
	$(BIN)/python -m reproduce bench

lint: $(INSTALLED)  ## style and common mistakes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

environment: $(INSTALLED)  ## .venv alone

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('Python 3.11 or newer is needed, not ' + sys.version)"
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || { echo "venv cannot install pip here; on Debian: apt install python3-venv"; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_INSTALL_FLAGS) --constraint constraints.txt --editable '.[test]'
	touch $@
