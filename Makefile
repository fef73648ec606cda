# The stages are declared in the rooms (`STAGES` in pipeline/<room>/__init__.py); their targets follow from that, and what
# reruns follows from content (see CONTRIBUTING.md). `make help` lists everything. GNU make 4.3 or newer.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# STUDY=name is a study under studies/ (`make new` makes one); CONFIG=file any configuration.
STUDY  ?=
CONFIG ?= $(if $(filter-out new,$(or $(MAKECMDGOALS),help)),$(if $(STUDY),studies/$(STUDY)/census.toml,census.toml),census.toml)
PYTHON ?= python3
EXTRA  ?=
JOBS   ?= -n auto --dist loadgroup --no-loadscope-reorder # of the tests; JOBS= runs them one by one
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.installed

TOO_OLD := $(shell $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || echo yes)
ifeq ($(TOO_OLD),)
STAGES := $(shell $(PYTHON) -m pipeline stages | cut -f1)
endif

.PHONY: help install lock bench bench-corpus bench-coverage bench-embed bench-processors test test-fast lint clean docs readings $(STAGES)

help: ## list the targets
	@$(PYTHON) -m pipeline stages | awk -F '\t' '$$2 { printf "  make %-16s %s\n", $$1, $$2 }'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

DRY = $(if $(findstring n,$(firstword -$(MAKEFLAGS))),--dry-run)

# Each stage brings all that it reads up to date and then runs. `make -n` is answered by the program, which knows why.
$(STAGES): | $(READY)
	+@if test -x $(PY); then $(PY) -m pipeline --config "$(CONFIG)" make $@ $(DRY); else echo "make install"; fi

readings: agreement # the stage's name until 2026

install: $(READY) ## create .venv with the pinned versions (every other target does it by itself; EXTRA=encode|scrape|read|test|dev adds)
ifneq ($(EXTRA),)
install: $(READY)-$(EXTRA)
endif

# An edit of a lock file installs anew what was installed from it, and nothing else.
$(READY): requirements/base.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than Python 3.11; install a newer one and pass PYTHON=/path/to/it"; exit 1; }
	@test -x $(PY) || { echo "install: creates $(VENV) with what make report needs (once)"; $(PYTHON) -m venv $(VENV); }
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements/base.txt
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "alignment_census.pth").write_text("$(CURDIR)\n")'
	@touch $@

# torch comes first, by itself: what is installed already is not fetched again in another build.
$(READY)-%: requirements/%.txt | $(READY)
	@echo "install: adds what the extra '$*' needs (once)"
	@torch=$$(grep '^torch==' $< || true); test -z "$$torch" || $(PY) -m pip install --quiet --disable-pip-version-check "$$torch"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test: $(READY)-dev ## the tests (slow ones: make test PYTEST='-m slow')
	@$(PY) -m pytest $(JOBS) $(PYTEST)

test-fast: $(READY)-test ## the tests of pure functions: no browser, no encoder, no whole project (under 90 s)
	@$(PY) -m pytest -m "not slow and not gpu and not bench and not whole" $(JOBS) $(PYTEST)

lint: $(READY)-dev ## style, types, and the order of the rooms
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && $(PY) -m pytest -m "slow or not slow" tests/test_rooms.py

bench: | $(READY)-dev ## texts to named clusters beside BERTopic; writes reports/bench/topics.md (needs pip install '.[bench]')
	@$(PY) -m tests.bench.topics

bench-corpus: estimate scope | $(READY)-dev ## extraction, works, scope and growth of the corpus stage on real documents (half an hour)
	@for part in extraction residue pairs near_pairs scope corpus_scale; do echo "== $$part"; $(PY) -m tests.bench.$$part; done

bench-coverage: | $(READY)-dev ## how often the intervals hold the truth, on made-up populations (four minutes)
	@$(PY) -m tests.bench.coverage

bench-embed: | $(READY)-dev ## measure the encoders of this machine; writes reports/bench/embed.md
	@$(PY) -m tests.bench.embed

bench-processors: estimate | $(READY)-dev ## whether the tables are the same under other linear-algebra kernels (minutes)
	@$(PY) -m tests.bench.processors

docs: $(READY)-dev ## the documentation as a small site, under dist/docs/
	@$(PY) -m sphinx -q -W --keep-going -b html docs dist/docs && echo "docs: dist/docs/index.html"

clean: ## remove what the stages made; the sources, the census and the reports stay
	rm -rf data/processed data/processed-* dist

lock: $(READY) ## resolve the pinned versions anew (after an edit of the dependencies)
	$(PY) -m tests.lock
