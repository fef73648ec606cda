# Stages are targets over real files: each output depends on its code, its inputs and its own slice of the configuration.
# `make help` lists the targets. GNU make 4.3 or newer.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

CONFIG ?= census.toml
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.installed

# Where this configuration keeps its files; the defaults need no Python to be known.
ifeq ($(CONFIG),census.toml)
P := data/processed
else
P := data/processed-build
endif
H := data/raw/handcheck

BASE      := $(wildcard pipeline/*.py)
SOURCES   := $(wildcard pipeline/scrape/*.py)
CENSUS    := $(wildcard data/raw/census/*/*.parquet)
FILES     := $(wildcard data/raw/files/* data/raw/hydrated/*)
SNAPSHOTS := $(wildcard data/raw/*/*/manifest.json)

CORPUS    := $(P)/documents.parquet $(P)/records.parquet $(P)/rejects.parquet $(P)/duplicates.parquet $(P)/works.parquet $(P)/frame_members.parquet $(P)/terms.parquet
EMBED     := $(P)/embeddings.parquet
SCOPE     := $(P)/scope.parquet $(P)/scope_quality.parquet
CLUSTER   := $(addprefix $(P)/,$(addsuffix .parquet,clusters cluster_members cluster_changes cluster_facets layout second_members))
ESTIMATE  := $(addprefix $(P)/,$(addsuffix .parquet,shares codes predictions groups trends people curve toggles robustness agendas agenda_growth guesses plan))
READINGS  := $(addprefix $(P)/,$(addsuffix .parquet,agreement cluster_codes layer_codes controls cluster_checks intrusion))
REPORT    := $(P)/.report
SLICE      = $(P)/config/$(1).json

.PHONY: help install lock scrape corpus embed hydrate scope cluster check estimate readings plan report dataset verify bench bench-corpus bench-embed bench-coverage bench-processors test lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

install: $(READY) ## create .venv with the pinned versions (every other target does it by itself)

# torch comes first, by itself: what is installed already is not fetched again in another build.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than Python 3.11; install a newer one and pass PYTHON=/path/to/it"; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.lock)"
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Each stage watches its own slice of the configuration: `configure` rewrites only the slices that changed.
$(P)/config/.checked: $(CONFIG) pipeline/config.py | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) configure
	@touch $@
$(P)/config/%.json: $(P)/config/.checked
	@test -f $@ || { rm -f $<; $(MAKE) --no-print-directory $<; }

scrape: | $(READY) ## what is new at the sources, from the network (SCRAPE=--dry-run shows what would be asked)
	@$(PY) -m pipeline --config $(CONFIG) scrape $(SCRAPE)

corpus: $(CORPUS) ## one clean document per work, from every source
$(CORPUS) &: $(call SLICE,corpus) $(BASE) $(SOURCES) $(wildcard pipeline/corpus/*.py) $(CENSUS) $(FILES) $(SNAPSHOTS) | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) corpus

embed: $(EMBED) ## a vector for each document; only new texts are encoded
$(EMBED): $(call SLICE,embed) $(P)/documents.parquet $(wildcard pipeline/embed/*.py) | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) embed

hydrate: $(call SLICE,hydrate) | $(READY) ## the texts of the shipped census, from the network, verified (HYDRATE=--dry-run, --full)
	@$(PY) -m pipeline --config $(CONFIG) hydrate $(HYDRATE)

scope: $(SCOPE) ## how likely each document is AI safety at all, with precision and recall
$(SCOPE) &: $(call SLICE,scope) $(EMBED) $(P)/documents.parquet pipeline/scope/stage.py $(wildcard pipeline/check/*.py) \
		pipeline/coding/sample.py pipeline/coding/overlay.py data/raw/scope/background.parquet \
		$(wildcard $(H)/sheets/*.csv $(H)/sheets/adjudication/*.csv $(H)/rounds/*/*) | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) scope

cluster: $(CLUSTER) ## research-agenda groups, their names, and the map
$(CLUSTER) &: $(call SLICE,cluster) $(EMBED) $(P)/terms.parquet $(wildcard pipeline/cluster/*.py) $(CENSUS) $(wildcard $(H)/cluster-names.csv) | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) cluster

check: $(P)/documents.parquet | $(READY) ## the hand-check page: make check CODER=name [TASK=documents|extension|clusters|intrusion|adjudication]
	@$(PY) -m pipeline.check --config $(CONFIG) page --coder "$(CODER)" --task "$(or $(TASK),documents)"

estimate: $(ESTIMATE) ## shares with intervals, from the read documents
$(ESTIMATE) &: $(call SLICE,estimate) $(P)/documents.parquet $(P)/terms.parquet $(EMBED) $(CLUSTER) $(wildcard pipeline/estimate/*.py pipeline/check/*.py) \
		$(wildcard $(H)/codebook/*.toml $(H)/sheets/*.csv $(H)/sheets/adjudication/*.csv $(H)/rounds/*/*) | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) estimate

readings: $(READINGS) ## what readers found: their agreement, and what they say of the clusters
$(READINGS) &: $(call SLICE,readings) $(P)/codes.parquet $(P)/cluster_members.parquet pipeline/agreement/stage.py $(wildcard pipeline/check/*.py) pipeline/agreement/controls.py \
		$(wildcard $(H)/sheets/*.csv $(H)/sheets/*/*.csv $(H)/rounds/*/* $(H)/external/*.csv $(H)/controls/*.csv) | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) readings

plan: $(ESTIMATE) ## how many more documents to read to halve an interval; DRAW="FRAME/YEAR DEFINITION" draws them
	@$(PY) -m pipeline --config $(CONFIG) plan --draw "$(DRAW)"

bench-coverage: | $(READY) ## how often the intervals hold the truth, on made-up populations (a quarter of an hour)
	@$(PY) -m tests.bench.coverage

bench-processors: $(ESTIMATE) ## whether the tables are the same under other linear-algebra kernels (minutes)
	@$(PY) -m tests.bench.processors

report: $(REPORT) ## the page, the tables and the figures, under reports/
$(REPORT): $(call SLICE,report) $(ESTIMATE) $(CLUSTER) $(READINGS) $(SCOPE) $(P)/documents.parquet \
		$(wildcard $(foreach depth,* */* */*/*,pipeline/report/$(depth))) | $(READY)
	@$(PY) -m pipeline --config $(CONFIG) report
	@touch $@

dataset: $(call SLICE,dataset) $(EMBED) $(CORPUS) $(CLUSTER) $(ESTIMATE) | $(READY) ## the census release under dist/
	@$(PY) -m pipeline --config $(CONFIG) dataset

verify: $(ESTIMATE) | $(READY) ## recompute every hash, key, foreign key and count of the releases
	@$(PY) -m pipeline --config $(CONFIG) verify

bench-corpus: $(ESTIMATE) $(SCOPE) ## extraction, works, scope and growth of the corpus stage on real documents (half an hour)
	@for part in extraction residue pairs near_pairs scope corpus_scale; do echo "== $$part"; $(PY) -m tests.bench.$$part; done

bench: | $(READY) ## texts to named clusters beside BERTopic; writes reports/bench/topics.md (needs pip install '.[bench]')
	@$(PY) -m tests.bench.topics

bench-embed: | $(READY) ## measure the encoders of this machine; writes reports/bench/embed.md
	@$(PY) -m tests.bench.embed

test: $(READY) ## the tests (slow ones: make test PYTEST='-m slow')
	@$(PY) -m pytest $(PYTEST)

lint: $(READY) ## style and types
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

clean: ## remove what the stages made; the sources, the census and the reports stay
	rm -rf data/processed data/processed-build dist

lock: $(READY) ## resolve the pinned versions anew (after an edit of the dependencies)
	$(PY) -m pip install --quiet --disable-pip-version-check pip-tools
	$(PY) -m piptools compile --quiet --extra dev --allow-unsafe --unsafe-package pip --strip-extras --no-header --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml
	sed -i 's/+cpu//' requirements.lock
