"""Run by the Python that has parliament: policies by name from standard input, its findings to standard output, as JSON."""

import json
import sys

from parliament import analyze_policy_string

found = [
    {"policy": name, "issue": finding.issue}
    for name, policy in json.load(sys.stdin).items()
    for finding in analyze_policy_string(policy).findings
]
json.dump(found, sys.stdout)
