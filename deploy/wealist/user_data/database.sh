#!/bin/bash
# The machine that makes the databases (wealist.md §5), after common.sh: what init.sh, sent by SSM, needs besides Docker.
set -euo pipefail

step "install jq" install_package jq
