# `make` alone lists what there is. Everything runs in .venv, which is made on demand.
STACK ?= dev
PORT ?= 5566
BASE ?= origin/main
PREVIEW_OPTIONS = $(if $(MARKDOWN),--markdown) $(if $(FAIL_ON_DANGER),--fail-on-danger) $(if $(WHERE),--where '$(WHERE)') $(if $(TRACE),--trace)
PYTHON ?= $(or $(shell command -v python3.11),python3)
BIN := .venv/bin

# Packages are compiled once, not at every start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up down preview mutate test runs lab verify judges lint fmt engine tools docs manifests bench bench-ratios bench-stack bench-mesh lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  STACK=$(STACK)    one of: $(patsubst Pulumi.%.yaml,%,$(wildcard Pulumi.*.yaml))"
	@echo "  SERVE=1      with up: keep the cloud running on 127.0.0.1:$(PORT), for the access key that it prints"
	@echo "  SHOW=tree    with up: a chapter at length: tree, contents, nodes, policies, all"
	@echo "  TRACE=1      with up: the whole trace of an unexpected error"

up: .venv/.packages ## rehearse a stack on the embedded cloud, and show what stands
	@$(BIN)/python -m rehearsal up --stack '$(STACK)' --port '$(PORT)' $(if $(SERVE),--serve) $(if $(SHOW),--show '$(SHOW)') $(if $(TRACE),--trace)

down: .venv/.packages ## end a cloud that is kept running, and remove what rehearsals left
	@$(BIN)/python -m rehearsal down --stack '$(STACK)'

preview: .venv/.packages ## what the files here change, compared with a commit: BASE=origin/main
	@$(BIN)/python -m rehearsal preview --base '$(BASE)' $(foreach stack,$(STACKS),--stack '$(stack)') $(PREVIEW_OPTIONS)

schemas: .venv/.packages ## whether who reads events and calls of a commit can still read them: BASE=origin/main (needs Go)
	@$(BIN)/python -m tools.go_tools buf >/dev/null
	@$(BIN)/python -m tools.schemas $(BASE)

mutate: .venv/.packages ## spoil what security hangs on, one by one: do the policies notice? WRITE=1 raises the floor
	@$(BIN)/python -m rehearsal.mutate $(if $(WRITE),--write)

test: .venv/.packages ## every quick test that needs only Python; ARGS goes to pytest
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

runs: .venv/.packages ## whole runs of the command line: what they say and leave
	@$(BIN)/python -m pytest -m runs --numprocesses 2 --dist loadscope $(ARGS)

lab: .venv/.packages ## the API gateway lab on loopback with real programs, checkpoint by checkpoint; ALL=1 does not ask (needs Go)
	@$(BIN)/python -m tools.go_tools mesh ext-authz ratelimit collector >/dev/null
	@$(BIN)/python -m tools.envoy >/dev/null
	@$(BIN)/python -m tests.lab $(if $(ALL),--all)

verify: tools lint ## the linters, and the tests on the real engine and real servers
	@echo "running the tests on the real engine and real servers"
	@$(BIN)/python -m pytest -m verify -r s --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

judges: tools lint test runs ## all of it, and the judges too dear for every change; writes what each costs into docs/verify.md
	@$(BIN)/python -m tools.go_tools docker-compose conftest opa kube-score trivy rollouts-controller argocd alert-routes kubectl-kyverno kyverno cosign crane ferretdb fortio
	@$(BIN)/python -m tools.outsiders
	@$(BIN)/python -m tools.mongosh >/dev/null
	@echo "running the tests on the real engine and real servers, the dear ones too"
	@mkdir -p .rehearsal
	@$(BIN)/python -m pytest -m 'verify or judges' -r s --numprocesses 3 --dist loadscope --no-loadscope-reorder --costs .rehearsal/costs.json
	@$(BIN)/python -m tests.judges record .rehearsal/costs.json
	@$(BIN)/python -m tests.outsiders.tally

lint: .venv/.packages-dev ## ruff and mypy
	@echo "ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "mypy"
	@$(BIN)/mypy --cache-dir "$${XDG_CACHE_HOME:-$$HOME/.cache}/edge-platform/mypy"

fmt: .venv/.packages-dev ## format, and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

engine: .venv/.packages ## build the Pulumi engine from its pinned module, unless it is there (needs Go)
	@$(BIN)/python -m tools.go_tools pulumi

tools: .venv/.packages ## build or install every program that `make verify` judges with, unless it is there (needs Go)
	@$(BIN)/python -m tools.go_tools
	@$(BIN)/python -m tools.envoy
	@$(BIN)/python -m tools.protoc install >/dev/null
	@$(BIN)/python -m tools.kafka_tools
	@$(BIN)/python -m tools.crds
	@$(BIN)/python -m tools.chart_sources
	@$(BIN)/python -m tools.python_host
	@$(BIN)/python -m tools.witnesses

manifests: .venv/.packages ## a standing stack's rendered Kubernetes objects, from Pulumi's state into rendered/<stack>
	@pulumi stack export --stack '$(STACK)' | $(BIN)/python -m rehearsal.rendered 'rendered/$(STACK)'

docs: .venv/.packages-dev ## write the generated pages and dashboards again
	@$(BIN)/python -m infra.settings.document > docs/config.md.tmp
	@mv docs/config.md.tmp docs/config.md
	@$(BIN)/python -m policy.document > docs/policies.md.tmp
	@mv docs/policies.md.tmp docs/policies.md
	@$(BIN)/python -m tests.security.page > docs/security.md.tmp
	@mv docs/security.md.tmp docs/security.md
	@$(BIN)/python -m tools.dashboards > exchange.json.tmp
	@mv exchange.json.tmp deploy/exchange/observability/dashboards/exchange.json
	@$(BIN)/python -m policy.cost.document > docs/cost.md.tmp
	@mv docs/cost.md.tmp docs/cost.md

.PHONY: mirror
mirror: .venv/.packages ## copy Istio's images into a stack's own registry, for eco2.mesh_images: registry (needs skopeo and the AWS CLI)
	@$(BIN)/python -m tools.mirror '$(STACK)'

.PHONY: charts
charts: .venv/.packages ## compare the recorded checksum of every chart with what its repository serves (needs Go and the network)
	@$(BIN)/python -m tools.charts

.PHONY: agent
agent: .venv/.packages ## compare the recorded package of CodeDeploy's agent with what AWS serves, or say what to record: STACK=prod (needs the network)
	@$(BIN)/python -m tools.deploy_agent '$(STACK)'

bench: bench-ratios bench-stack bench-mesh ## what a run costs beside others, a stack by its size, an edge's protections; each alone: bench-ratios …

bench-ratios: .venv/.packages engine
	@echo "runs against others beside them; the memory of the greatest process"
	@$(BIN)/python -m tests.bench $(if $(WRITE),--write) $(ARGS)

bench-stack: .venv/.packages
	@echo "resources per second at 1, 10 and 100 times the size"
	@$(BIN)/python -m rehearsal.bench $(ARGS)

bench-mesh: .venv/.packages
	@echo "requests per second with each protection, and a change at 1, 10 and 100 times the services"
	@$(BIN)/python -m tools.go_tools mesh ext-authz ratelimit fortio >/dev/null
	@$(BIN)/python -m tools.envoy >/dev/null
	@$(BIN)/python -m tests.mesh.bench $(ARGS)

lock: .venv/.packages ## pin what requirements*.in ask for
	@for file in requirements requirements-dev tools/uv/requirements tools/outsiders/requirements; do \
	  $(BIN)/python -m uv pip compile --quiet --generate-hashes --python-version 3.11 $$file.in -o $$file.txt || exit 1; done

.venv/.packages: requirements.txt tools/install.py
	@$(PYTHON) tools/install.py $@ requirements.txt

.venv/.packages-dev: requirements-dev.txt .venv/.packages
	@$(PYTHON) tools/install.py $@ requirements-dev.txt
