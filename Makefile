# The commands of this project. `make` alone says what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
MERMAID := 11.17.2
MESSAGES := --extension html,txt,py --no-location --no-wrap --no-obsolete --ignore '.*' --ignore tests --ignore staticfiles --ignore subjects
export GOAL ?= Learn Python programming
export DEBUG ?= 1
export LINK_CHECKS ?= off
export PYTHONDONTWRITEBYTECODE ?= 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help demo run test bench bench-scale soak check style types collected audit format lock messages migrations-final mermaid clean

help:
	@echo "make demo    a roadmap from a goal to finished content, through the real processes (GOAL=\"…\" changes the goal)"
	@echo "make run     the same processes, kept up at http://127.0.0.1:$(PORT)"
	@echo "make test    the whole suite against a private PostgreSQL"
	@echo "make bench   measured against Django-Q, Celery and Procrastinate, half an hour (ARGS=\"--roadmaps 1 --latency-mean 1\")"
	@echo "make bench-scale  a thousand roadmaps, and pages meanwhile, at most 45 minutes (ARGS=\"--roadmaps 200\")"
	@echo "make soak    ten minutes under faults drawn from a seed, then what must hold is looked at (ARGS=\"--seconds 60 --seed 2\")"
	@echo "make check   format, lint, types, import rules, migrations"
	@echo "make audit   known vulnerabilities in what the requirements pin, where the package index tells"
	@echo "make format  apply the format"
	@echo "make lock    renew the hashed requirements"
	@echo "make messages renew the Chinese catalogue from the source (needs gettext), then translate what is new in it"
	@echo "make migrations-final  note new migrations, which nobody changes from then on"
	@echo "make mermaid renew the script that draws diagrams (needs npm)"
	@echo "make clean   remove the environment and every private database of this clone"

# A stamp for each set of requirements: what changed is installed, the rest is not looked at.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(BIN)/python requirements.txt requirements-run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-run.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# DATABASE_URL of the environment wins; else a private server that is stopped again.
with_database = $(BIN)/python -m roadmap_project.dev_database run --name $(1) --

demo: $(VENV)/run.stamp
	@$(call with_database,demo) $(BIN)/python manage.py demo "$$GOAL"

run: $(VENV)/run.stamp
	@$(call with_database,dev) sh -c '$(BIN)/python manage.py migrate --noinput --verbosity 0 \
		&& $(BIN)/python manage.py staff_login \
		&& echo "open http://127.0.0.1:$(PORT)" \
		&& HOST=127.0.0.1 SITE_URL="$${SITE_URL:-http://127.0.0.1:$(PORT)}" exec $(BIN)/honcho start --port $(PORT) web workflow content logs'

# Most of the time a test of processes waits: three at once keep two cores busy. What is compiled is kept, as hundreds of
# processes start.
test collected: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest $(or $(ARGS),-n 3)

# The peers have an environment of their own. Celery's Redis is Debian's redis-server, which only root can install;
# without it, its rows say so.
$(VENV)-bench/bench.stamp: requirements.txt tests/benchmarks/requirements.txt
	@if [ "$$(id -u)" = 0 ] && ! command -v redis-server >/dev/null; then apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null; fi || true
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r tests/benchmarks/requirements.txt
	@touch $@

bench: $(VENV)-bench/bench.stamp
	@$(VENV)-bench/bin/python -m tests.benchmarks $(ARGS)

bench-scale: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.benchmarks.scale $(ARGS)

soak: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.soak $(ARGS)

check: style types

style: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djade --target-version 5.2 --check $$(git ls-files '*.html')
	$(BIN)/lint-imports
	@$(call with_database,test) $(BIN)/python manage.py makemigrations --check --dry-run

types: $(VENV)/dev.stamp
	$(BIN)/mypy

# What pytest rewrites of the tests is kept: workers that begin at once would each do it anew.
collected: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null

audit: $(BIN)/python
	$(BIN)/python .ci/audit.py

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/djade --target-version 5.2 $$(git ls-files '*.html') || true

lock: $(VENV)/dev.stamp
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.txt
	$(BIN)/uv pip compile -q --group run --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.txt -o requirements-run.txt
	$(BIN)/uv pip compile -q --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.txt -o requirements-dev.txt
	$(BIN)/uv pip compile -q --group bench --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.txt -o tests/benchmarks/requirements.txt

# One catalogue for all apps; without line numbers, which change with every edit.
messages: $(VENV)/run.stamp
	$(BIN)/python manage.py makemessages --locale zh_Hans $(MESSAGES)
	sed -i '/^"POT-Creation-Date/d' roadmap_project/locale/zh_Hans/LC_MESSAGES/django.po
	$(BIN)/python manage.py compilemessages --locale zh_Hans --ignore '.venv*'

migrations-final:
	$(PYTHON) -m tests.released_migrations

# The script that draws diagrams, as it is published; committed, so that nobody needs npm to run this.
mermaid:
	sh -ec 'work=$$(mktemp -d); trap "rm -r $$work" EXIT; npm pack --silent --pack-destination "$$work" @mermaid-js/tiny@$(MERMAID); \
		tar -xzf "$$work"/*.tgz -C "$$work"; cp "$$work/package/dist/mermaid.tiny.js" content/static/content/mermaid/mermaid.js; \
		cp "$$work/package/LICENSE" content/static/content/mermaid/LICENSE'

clean:
	-$(PYTHON) -m roadmap_project.dev_database remove --all
	rm -rf $(VENV) $(VENV)-bench .dev staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
