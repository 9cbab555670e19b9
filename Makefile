# MaskServe's commands. Each sets up what it needs; a second call starts at once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= nuclei/train
VALIDATION ?= nuclei/val
RUN ?= runs/nuclei
# Processes that run tests: one more than cores, since many tests wait for a server, a browser or a clock.
WORKERS ?= $(shell expr `getconf _NPROCESSORS_ONLN` + 1)
TESTS ?=
# Tests start a few hundred processes: Python keeps what it compiles, whatever the shell says, rather than do it in each.
KEPT := PYTHONDONTWRITEBYTECODE=
# pytest's exit status where it has no test to run, as in one of the two passes over a part of the tests.
NONE := 5

.PHONY: run test lint full train bench events image screenshots check-k8s clean

run: $(VENV)/.ready  ## serve http://localhost:8080 (PORT and MASKSERVE_* override)
	$(BIN)/uwsgi uwsgi.ini

test: $(VENV)/.ready-dev $(VENV)/kserve/.ready $(VENV)/function/.ready  ## run every test, or those below TESTS
	$(KEPT) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone" $(TESTS) || [ $$? = $(NONE) ]
	$(KEPT) $(BIN)/python -m pytest -m alone $(TESTS) || [ $$? = $(NONE) ]

lint: $(VENV)/.ready-dev  ## style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check-k8s: $(VENV)/.ready-dev $(VENV)/checkov/.ready  ## the tests of k8s/, with checkov's policies
	$(BIN)/python -m pytest tests/k8s

full: $(VENV)/.ready-full  ## also set up what trains, imports and exports models: TensorFlow

train: $(VENV)/.ready-full  ## train the shipped model nuclei anew: make train DATA=nuclei/train VALIDATION=nuclei/val
	$(BIN)/python -m model train --recipe model/recipes/nuclei.json \
		--data $(DATA) --validation $(VALIDATION) --out $(RUN)

bench: $(VENV)/.ready-full  ## ratios in one table, and benchmarks/results.json
	$(BIN)/python -m benchmarks

image:  ## build the production image, run it as production does, and ask it; BUILD has further words for the build
	scripts/image.sh $(BUILD)

events: $(VENV)/.ready $(VENV)/.ready-events $(VENV)/function/.ready  ## bucket, Pub/Sub, function and service here
	@$(BIN)/python -m scripts.events

screenshots: $(VENV)/.ready-dev  ## take the pictures in docs/page anew, with Debian's chromium
	$(BIN)/python -m scripts.take_screenshots

clean:  ## remove the virtual environment
	rm -rf $(VENV)

# A stamp is newer than the requirements it was made from, or pip runs.
$(VENV)/.ready: requirements-serve.txt | $(BIN)/python
	$(BIN)/pip install --quiet -r requirements-serve.txt
	touch $@

$(VENV)/.ready-full: requirements.txt $(VENV)/.ready
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready-full
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

$(VENV)/.ready-events: requirements-events.txt | $(BIN)/python
	$(BIN)/pip install --quiet -r requirements-events.txt
	touch $@

# The function by itself, as it is deployed.
$(VENV)/function/.ready: functions/requirements.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/function
	$(VENV)/function/bin/pip install --quiet -r functions/requirements.txt
	touch $@

# KServe's client, for one example in docs/api.md, by itself: it wants other versions than the service.
$(VENV)/kserve/.ready: requirements-kserve.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/kserve
	$(VENV)/kserve/bin/pip install --quiet -r requirements-kserve.txt
	touch $@

# Checkov by itself too: it is larger than the service, and `make test` does without.
$(VENV)/checkov/.ready: requirements-checkov.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/checkov
	$(VENV)/checkov/bin/pip install --quiet -r requirements-checkov.txt
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MaskServe needs Python 3.11 or later: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }  # half of one would be taken for whole
