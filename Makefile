# Two commands do all the set-up on a fresh machine: `make study` and `make test`.

PYTHON  ?= python3.11
PROFILE ?= quick
BIN     := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONUNBUFFERED := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

digest = $(shell cat $(1) | $(PYTHON) -c "import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])" 2>/dev/null)
STUDY_READY := .venv/.study-$(call digest,requirements.lock)
TEST_READY  := .venv/.test-$(call digest,requirements.lock requirements-dev.lock)

.PHONY: study test ui lock fire same-bytes cluster

## run the study with PROFILE (quick, smoke or paper); leaves reports/report.html and .pdf
study: $(STUDY_READY)
	@retrial study $(PROFILE)

## lint, types, tests; among them the smoke profile of the real pipeline
test: $(TEST_READY)
	@ruff check . && ruff format --check . && mypy
	@pytest $(PYTEST_ARGS)

## the runs of all trials in MLflow, on this machine only or on the server of MLFLOW_TRACKING_URI
ui: $(STUDY_READY)
	@echo "Bringing MLflow up to date with the records: up to minutes the first time."
	@retrial track
	@case "$$MLFLOW_TRACKING_URI" in \
	http*) echo "The runs are on the server at $${MLFLOW_TRACKING_URI#*@}" ;; \
	*) mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}" --host 127.0.0.1 ;; \
	esac

## a sample of trials of every study with other workers, hash seed and CPUs: the same bytes?
same-bytes: $(STUDY_READY)
	@retrial same-bytes

## a Dask cluster on this machine only: a scheduler and N workers, until Ctrl-C; see docs/scale.md
N ?= 2
cluster: $(STUDY_READY)
	@python -m retrial.tools.cluster $(N)

## kill -9 at KILLS random moments of a small run, `dvc repro` after each; see docs/fire.md
KILLS ?= 50
fire: $(TEST_READY)
	@python tests/fire.py --kills $(KILLS)

# torch and torchvision come first and without their dependencies: an unpinned torch, or one that
# is resolved together with the rest, draws gigabytes of CUDA. The lock names their versions.
$(STUDY_READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
	|| { echo "error: $(PYTHON) is not Python 3.11; name one that is: make PYTHON=/path/to/python3.11"; exit 1; } >&2
	@echo "Setting up .venv from requirements.lock: 1 to 4 minutes, about 3 GB."
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@pip install --quiet --no-deps $$(sed -n 's/^# first: //p' requirements.lock)
	@pip install --quiet --no-deps --require-hashes -r requirements.lock
	@pip install --quiet --no-deps --no-build-isolation --editable .
	@python -c 'import torch' 2>/dev/null \
	|| { echo "error: this build of torch does not load without CUDA; name an index with a CPU build, see README.md"; exit 1; } >&2
	@touch $@

$(TEST_READY): $(STUDY_READY)
	@pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@python tests/needs.py
	@rm -f .venv/.test-*
	@touch $@

## write both lock files anew from requirements.in and requirements-dev.in (needs uv); the versions
## of torch and torchvision, which the first line names, stay
lock:
	@grep '^# first: ' requirements.lock > .first.lock
	@uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements.in -o requirements.lock
	@cat requirements.lock >> .first.lock && mv .first.lock requirements.lock
	@uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements-dev.in -o requirements-dev.lock
