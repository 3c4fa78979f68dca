# Two commands matter: `make demo` and `make test`. Each installs what it needs, is safe to
# repeat, and keeps downloads and builds outside the checkout.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/cardvault
LOCK_ID := $(shell cat requirements/dev.txt tools/setup.sh 2>/dev/null | sha256sum | cut -c1-12)
VENV := $(CACHE)/venv-$(LOCK_ID)
export PATH := $(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR):$(CURDIR)/client
export PYTHONDONTWRITEBYTECODE := 1
export CARDVAULT_CACHE := $(CACHE)

.PHONY: help
help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: setup
setup: $(VENV)/.done  ## Install the locked tools and libraries (other targets do it when needed)

$(VENV)/.done:
	@bash tools/setup.sh $(VENV)

.PHONY: gen
gen: setup  ## Regenerate the Python stubs under client/ from protos/
	@echo "gen: stubs from protos/ into client/"
	@bash tools/gen.sh client
	@python tools/settings_page.py
	@python tools/doctor_page.py
	@python tools/formats_page.py
	@python -m tests.kit.charts.settings_names

.PHONY: check
check: setup  ## Lint, types, import rules, protos, generated code fresh
	@bash tools/check.sh

.PHONY: test
test: setup  ## The whole story on memory and SQLite, ten minutes at most
	@bash tools/test.sh $(ARGS)

.PHONY: test-parts
test-parts: setup  ## The adapters against real servers, which it installs and starts: 20 minutes at most
	@bash tools/parts.sh $(ARGS)

.PHONY: test-kit
test-kit: setup  ## Clients in other languages, charts, image, conformance: 20 minutes at most
	@bash tools/kit.sh $(ARGS)

.PHONY: lock
lock: setup  ## Renew requirements/*.txt from pyproject.toml, with hashes
	@bash tools/lock.sh

.PHONY: bench
bench: setup  ## Measure the vault against an empty RPC, renew PERFORMANCE.md (QUICK=1: does it work?)
	@python -m tests.bench.run --dir $(CACHE)/bench $(if $(QUICK),--quick,--page PERFORMANCE.md)

.PHONY: proof
proof: setup  ## Every fault at its full volume, for hours; renews RELIABILITY.md (ARGS=part: one of it)
	@bash tools/proof.sh $(ARGS)

.PHONY: print-venv
print-venv:
	@echo $(VENV)

.PHONY: demo
demo: setup  ## The whole product once, end to end, from nothing (ARGS=--keep: look at what it left)
	@python -m tools.demo $(ARGS)

.PHONY: serve
serve: setup  ## Both services in the foreground, under ./.cardvault (ARGS="--simulate 1": networks, too)
	@python -m tools.serve $(ARGS)
