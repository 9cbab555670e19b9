# MaskServe's commands. Each installs what it needs on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= nuclei/train
VALIDATION ?= nuclei/val
RUN ?= runs/nuclei
MLFLOW_PORT ?= 5000
# Processes that run tests: one more than cores, since many tests wait for a server, a browser or a clock.
WORKERS ?= $(shell expr `getconf _NPROCESSORS_ONLN` + 1)
TESTS ?=
# What `make test` and `make lint` need: the environments, each with its lock.
TESTED := $(VENV)/.ready-dev $(foreach name,kserve function bulk checkov helm,$(VENV)/$(name)/.ready)
# Tests start a few hundred processes: Python keeps what it compiles, whatever the shell says, rather than do it in each.
KEPT := PYTHONDONTWRITEBYTECODE=
# The files with tests for the second pass, which then need not look through all others.
ALONE = $(shell grep -rl --include='*.py' 'mark[.]alone' tests)
# pytest's exit status if no test was selected, which is normal for one of the two passes over a part of the tests.
NONE := 5

.PHONY: run dev test lint full experiments mlflow train bench events bulk wheel image locks screenshots clean

run: $(VENV)/.ready  ## serve at http://localhost:8080 (settings: PORT and MASKSERVE_*)
	$(BIN)/uwsgi uwsgi.ini

test: $(TESTED)  ## run all tests, or those in TESTS
	$(KEPT) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not alone" $(TESTS) || [ $$? = $(NONE) ]
	$(KEPT) $(BIN)/python -m pytest -m alone $(or $(TESTS),$(ALONE)) || [ $$? = $(NONE) ]

dev: $(TESTED)  ## set up what `make test` and `make lint` need

lint: $(VENV)/.ready-dev  ## check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

full: $(VENV)/.ready-full  ## also install TensorFlow, to train, import and export models

experiments: $(VENV)/.ready-experiments  ## also install MLflow and Optuna, to compare runs and to search for better ones

# Telemetry is off, as in `python -m model`. Any other address than this machine's own takes a server with a login.
mlflow: $(VENV)/.ready-experiments  ## show the runs and models in mlflow.db at http://localhost:5000 (MLFLOW_PORT)
	MLFLOW_DISABLE_TELEMETRY=true $(BIN)/mlflow server --backend-store-uri sqlite:///mlflow.db \
		--host 127.0.0.1 --port $(MLFLOW_PORT) --workers 1

train: $(VENV)/.ready-full  ## retrain the shipped model nuclei: make train DATA=nuclei/train VALIDATION=nuclei/val
	$(BIN)/python -m model train --config model/recipes/nuclei.json \
		--data $(DATA) --validation $(VALIDATION) --out $(RUN)

bench: $(VENV)/.ready-full  ## measure, print a table and write benchmarks/results.json
	$(BIN)/python -m benchmarks

wheel: $(BIN)/python  ## build what pip installs: dist/maskserve-*.whl
	rm -rf build  # of an earlier one: files that are gone would be in this one too
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

image:  ## build the production image and test it; BUILD has further arguments for the build
	scripts/image.sh $(BUILD)

events: $(VENV)/.ready $(VENV)/.ready-events $(VENV)/function/.ready  ## run bucket, Pub/Sub, function and service locally
	@$(BIN)/python -m scripts.events

bulk: $(VENV)/bulk/.ready  ## set up .venv/bulk, to segment whole buckets: docs/bulk.md

screenshots: $(VENV)/.ready-dev  ## retake the screenshots in docs/page, with Debian's chromium
	$(BIN)/python -m scripts.take_screenshots

clean:  ## remove the virtual environment
	rm -rf $(VENV)

# Each .ready file is a stamp: pip runs if its lock is newer. A lock names everything that is installed, with hashes, so
# that pip takes neither another version nor another file than was locked.
PIP := install --quiet --require-hashes

$(VENV)/.ready: locks/serve.txt | $(BIN)/python
	$(BIN)/pip $(PIP) -r locks/serve.txt
	touch $@

$(VENV)/.ready-full: locks/train.txt $(VENV)/.ready
	$(BIN)/pip $(PIP) -r locks/train.txt
	touch $@

$(VENV)/.ready-experiments: locks/experiments.txt $(VENV)/.ready-full
	$(BIN)/pip $(PIP) -r locks/experiments.txt
	touch $@

$(VENV)/.ready-dev: locks/dev.txt $(VENV)/.ready-full
	$(BIN)/pip $(PIP) -r locks/dev.txt
	touch $@

$(VENV)/.ready-events: locks/events.txt | $(BIN)/python
	$(BIN)/pip $(PIP) -r locks/events.txt
	touch $@

# The function has an environment of its own, as when deployed.
$(VENV)/function/.ready: functions/requirements.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/function
	$(VENV)/function/bin/pip $(PIP) -r functions/requirements.txt
	touch $@

# So does KServe's client, for one example in docs/api.md: its dependencies conflict with the service's.
$(VENV)/kserve/.ready: locks/kserve.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/kserve
	$(VENV)/kserve/bin/pip $(PIP) -r locks/kserve.txt
	touch $@

# And Apache Beam, which asks for an older Pillow.
$(VENV)/bulk/.ready: locks/bulk.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/bulk
	$(VENV)/bulk/bin/pip $(PIP) -r locks/bulk.txt
	touch $@

# And checkov. It is large, and few of its modules are used: they are compiled when they are, not all beforehand.
$(VENV)/checkov/.ready: locks/checkov.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/checkov
	$(VENV)/checkov/bin/pip $(PIP) -r locks/checkov.txt --no-compile
	touch $@

# And Helm's library.
$(VENV)/helm/.ready: locks/helm.txt | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/helm
	$(VENV)/helm/bin/pip $(PIP) -r locks/helm.txt
	touch $@

# For Linux and macOS, x86 and Arm, Python 3.11 and later (--universal). What is locked already stays as it is, unless a
# pin asks for another version, or UPGRADE=--upgrade for the newest of everything.
LOCK = $(VENV)/uv/bin/uv pip compile --quiet $(UPGRADE) --universal --generate-hashes --python-version=3.11

locks: | $(BIN)/python  ## write locks/ and functions/requirements.txt anew, after a change of pins
	[ -x $(VENV)/uv/bin/uv ] || { $(PYTHON) -m venv $(VENV)/uv && $(VENV)/uv/bin/pip install --quiet uv==0.13.9; }
	$(LOCK) --output-file=locks/dev.txt requirements-dev.txt
	for name in serve train experiments events; do \
		$(LOCK) --constraints=locks/dev.txt --output-file=locks/$$name.txt requirements-$$name.txt || exit; done
	for name in kserve bulk checkov helm; do \
		$(LOCK) --output-file=locks/$$name.txt requirements-$$name.txt || exit; done
	$(LOCK) --output-file=functions/requirements.txt functions/requirements.in

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "MaskServe needs Python 3.11 or later. Try: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }  # an incomplete one would be taken for complete
