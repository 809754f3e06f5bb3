# Every verb sets up what it needs: a .venv in the tree with hashed requirements and both packages, editable.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STUBS := slipway/v1
GOOGLE_PROTOS = $(shell $(BIN)/python -c "import google.rpc, pathlib; print(pathlib.Path(google.rpc.__path__[0]).parents[1])")

# Real recordings, where they lie at hand. Empty means: fetch them, or simulate the device and say so.
SLIPWAY_DATA ?= $(wildcard ../shared/data)
export SLIPWAY_DATA
# One compiled program serves every later run.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/out/cache/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0.1

.PHONY: help setup demo test check format proto bench studies lock clean

help:  ## Say what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## Install everything into .venv

$(READY): requirements.lock pyproject.toml slipway/pyproject.toml
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11) and 'Python 3.11 is needed; set PYTHON=')"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e slipway -e .
	@touch $@

DEMO ?=  # more options of the demo, such as --windows 200000
demo: $(READY)  ## Take a model from simulation to a device that runs it offline
	@test -n "$(SLIPWAY_DATA)" || $(BIN)/slipway-server data fetch wall_following --to out/data || true
	@$(BIN)/slipway-server demo --out out/demo --data "$(or $(SLIPWAY_DATA),out/data)" $(DEMO)

test: $(READY)  ## Run every test
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations 15

check: $(READY)  ## Lint, types, import contracts, fresh stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.proto.freshness

format: $(READY)  ## Put the code into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: $(READY)  ## Generate slipway/v1 and service/inference/stubs from proto/
	cd proto && ../$(BIN)/python -m grpc_tools.protoc -I. -I$(GOOGLE_PROTOS) \
		--python_out=.. --pyi_out=.. --grpc_python_out=.. slipway/v1/*.proto
	cd proto && ../$(BIN)/python -m grpc_tools.protoc -Iservice/inference/stubs=inference \
		--python_out=.. --pyi_out=.. --grpc_python_out=.. inference/*.proto

bench: $(READY)  ## Measure speed as ratios, into out/bench/*.json
	$(BIN)/python -m benchmarks

studies: $(READY)  ## Run the real-data studies
	$(BIN)/python -m studies

lock: $(READY)  ## Compile requirements.lock anew
	$(BIN)/python -m uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-emit-package slipway --extra dev --extra voices --extra trust --custom-compile-command "make lock" \
		pyproject.toml slipway/pyproject.toml -o requirements.lock

clean:  ## Remove what was made, but keep .venv
	rm -rf out dist build
