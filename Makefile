# Every target sets up what it needs: a virtual environment in .venv, and the package built into it.
#   make demo         record a real workflow and ask where its figure came from
#   make test         all tests; test-quick: unit and property
#   make prove        the long proofs, part by part; P=list tells which, P="kills fuzz" runs these
#   make lint         ruff and mypy;  make bench: what recording costs;  make docs: the reference, checked
# PYTHON chooses the interpreter (3.11 or newer), CC the compiler, T the tests (`make test T=tests/unit`).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
T ?= tests
MESON_FLAGS ?= $(if $(CI),--config-settings=setup-args=-Dwerror=true)
SOURCES := $(shell find libprobe probe_core plugins -type f ! -name '*.pyc') meson.build pyproject.toml
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1

.PHONY: build demo test test-quick prove lint bench docs clean system
build: $(VENV)/built

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What the build needs comes first, so that a rebuild takes seconds and asks no registry.
# (The scripts that pip 25 writes start in two thirds of the time.)
$(VENV)/required: pyproject.toml | $(BIN)/python
	@echo "installing what the build needs into $(VENV)"
	$(BIN)/pip install 'pip>=25' 'meson-python>=0.18' meson ninja cffi
	$(BIN)/python tools/requirements.py | $(BIN)/pip install -r /dev/stdin
	touch $@

# Nextflow's plugin, where Maven is at hand: rebuilt when its sources changed, and looked at every time.
.PHONY: always
always: ;
.cache/nf-probe/stamp: always
	tools/nf-probe

$(VENV)/built: $(VENV)/required $(SOURCES) .cache/nf-probe/stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pip install --no-build-isolation --no-deps --no-index \
	  --force-reinstall --config-settings=build-dir=build/$(notdir $(or $(CC),cc)) $(MESON_FLAGS) .
	touch $@

$(VENV)/required-%: $(VENV)/required pyproject.toml
	$(BIN)/python tools/requirements.py $* | $(BIN)/pip install -r /dev/stdin
	touch $@

system:
	tools/system-packages

demo: build $(VENV)/required-snakemake
	PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

test: system build $(VENV)/required-test $(VENV)/required-snakemake $(VENV)/required-snakemake-test
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest $(T)

test-quick: build $(VENV)/required-test
	$(BIN)/pytest -m 'not slow' tests/unit tests/property

prove: system build $(VENV)/required-test $(VENV)/required-snakemake $(VENV)/required-snakemake-test $(VENV)/required-snakemake-suite
ifeq ($(T),tests)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tools/prove.py $(P)
else
	PATH="$(CURDIR)/$(BIN):$$PATH" PROBE_PROVE=1 $(BIN)/pytest $(T)
endif

lint: build $(VENV)/required-lint $(VENV)/required-test
	$(BIN)/ruff check .
	$(BIN)/mypy probe_core plugins/make/probe_make plugins/nextflow/probe_nextflow plugins/ninja/probe_ninja \
	  plugins/script/probe_script plugins/snakemake/probe_snakemake \
	  plugins/snakemake/snakemake_executor_plugin_probe plugins/snakemake/snakemake_logger_plugin_probe

bench: system build $(VENV)/required-snakemake $(VENV)/required-test
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/run.py $(B)

docs: build $(VENV)/required-test
	$(BIN)/pytest tests/docs

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
