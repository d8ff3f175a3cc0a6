# Two commands need nothing but Python 3.11+ and make: `make start` and `make test`.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin

.PHONY: start flower test check lint types imports ci-deps bench chaos soak fuzz lock lexicon dashboard clean

start: .venv/app.stamp
	@exec $(BIN)/vocaqueue start

# Celery's own dashboard beside a running `make start`; user admin, password: the admin key.
flower: .venv/app.stamp
	@exec $(BIN)/vocaqueue flower

test: .venv/dev.stamp
	@$(BIN)/python -m pytest $(ARGS)

# What CI runs: lint, types, import rules, tests.
check: lint types imports test

lint: .venv/dev.stamp
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/dev.stamp
	@$(BIN)/mypy

imports: .venv/dev.stamp
	@$(BIN)/lint-imports --no-cache

# Servers and browsers that the tests use where they are there (root, Debian), and a package for Node 20 or newer.
ci-deps:
	apt-get update -q && apt-get install -q -y --no-install-recommends chromium fonts-nanum postgresql rabbitmq-server \
		wordnet-base
	cd tests/guide && npm ci

bench: .venv/dev.stamp
	@$(BIN)/python -m benchmarks

# A hundred kills and every other fault in ten minutes, 50,000 items; SEED, KILLS, ITEMS and MINUTES set which and how many.
chaos: .venv/dev.stamp
	@SEED=$${SEED:-1} $(BIN)/python -m pytest tests/chaos/ten_minutes.py -s $(ARGS)

# An hour of schemathesis over the whole OpenAPI of a running service; MINUTES and SEED set how long and which.
fuzz: .venv/dev.stamp
	@$(BIN)/python -m tests.fuzz.run --seconds $$(( $${MINUTES:-60} * 60 )) --seed $${SEED:-1} $(ARGS)

# Thousands of runs of the ledger's model; EXAMPLES and STEPS set how many.
soak: .venv/dev.stamp
	@VOCAQUEUE_MODEL_EXAMPLES=$${EXAMPLES:-5000} VOCAQUEUE_MODEL_STEPS=$${STEPS:-80} \
		$(BIN)/python -m pytest tests/model --timeout=0 $(ARGS)

# Build the lexicon again from WordNet 3.0 (Debian's wordnet-base, or WORDNET=folder with its files).
lexicon: .venv/dev.stamp
	@$(BIN)/python -m workers.lexicon.build $(WORDNET)

# Build the dashboard's committed files from their sources (needs Node).
dashboard:
	cd dashboard && npm ci && npm run types && npm run build

# Lock again after a change of pyproject.toml (needs `uv`).
UV_COMPILE = uv pip compile -q pyproject.toml --python-version 3.11 --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock:
	$(UV_COMPILE) --extra dev -o requirements/dev.txt
	$(UV_COMPILE) --extra app --extra build -c requirements/dev.txt -o requirements/app.txt

.venv/python.stamp:
	@test -n "$(PYTHON)" || { echo "vocaqueue needs Python 3.11 or newer; none was found on the PATH. Install it, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"vocaqueue needs Python 3.11 or newer; $(PYTHON) is {v[0]}.{v[1]}. Say which to use: make $(MAKECMDGOALS) PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv || { echo "Python could not make a virtual environment. On Debian: apt install python3-venv, or set PYTHON to another interpreter."; exit 1; }
	@touch $@

.venv/app.stamp: requirements/app.txt pyproject.toml | .venv/python.stamp
	@test -e .venv/dev.stamp || echo "Installing the packages (once) ..."
	@test -e .venv/dev.stamp -a .venv/dev.stamp -nt requirements/dev.txt || $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/app.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/dev.stamp: requirements/dev.txt pyproject.toml | .venv/python.stamp
	@echo "Installing the packages (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

clean:
	rm -rf .venv
