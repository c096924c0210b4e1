# Two commands set everything up on a fresh machine: `make reproduce` and `make test`.
# PYTHON=python3.12 picks another interpreter; PIP_INSTALL_FLAGS adds options, such as an index for CPU-only torch.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
KILLS ?= 100
# Files of tests run side by side, on one thread each, in the order of tests/conftest.py.
BESIDE := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help reproduce report test test-slow kills bench archive lint environment

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

reproduce: $(INSTALLED)  ## environment, data, and the 80-second net of 2012 trained here, beside its published figures
	$(BIN)/python -m reproduce quick

report: $(INSTALLED)  ## answers, verdicts, a page for each claim, and the notebooks as one site: open site/index.html
	$(BIN)/python -m reproduce report site

test test-slow: export OMP_NUM_THREADS = 1

test: $(INSTALLED)  ## the test suite (minutes)
	$(BIN)/python -m pytest $(BESIDE)

test-slow: $(INSTALLED)  ## the long tests too: kills, the whole pipeline
	$(BIN)/python -m pytest $(BESIDE) -m slow --durations 12

kills: $(INSTALLED)  ## commands killed 100 times, each run again and compared: make kills [KILLS=20] [PLACE=notebook]
	PYTHONPATH=.:tests:tests/support $(BIN)/python -m kills --kills $(KILLS) --place "$(PLACE)"

bench: $(INSTALLED)  ## training speed against the standard loop, on a quiet machine
	$(BIN)/python -m reproduce bench

archive: $(INSTALLED)  ## the deposit: committed files, RO-Crate metadata, checked unpacked
	$(BIN)/python -m reproduce archive

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
