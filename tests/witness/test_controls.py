"""The published controls that rules stand for exist, under the number and the name that the rules give them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
import yaml

from policy.catalog import AREAS
from tests.tools import missing
from tools.witnesses import find_witness

pytestmark = pytest.mark.verify

FILES = {
    "AWS FSBP": ("aws/aws_foundational_security_best_practices_aws",),
    "AWS Security Hub": ("aws/aws_foundational_security_best_practices_aws",),
    "CIS AWS 3.0": ("aws/cis_3.0_aws",),
    "CIS Kubernetes 1.12": ("kubernetes/cis_1.12_kubernetes",),
    "AWS Well-Architected": (
        "aws/aws_well_architected_framework_security_pillar_aws",
        "aws/aws_well_architected_framework_reliability_pillar_aws",
    ),
}
"""The beginning of a control's name → prowler's files of it."""

NSA = "NSA/CISA Kubernetes Hardening Guide 1.2"

LOOKED_UP = {
    "AWS FSBP CloudFront.15": "CloudFront distributions should use the recommended TLS security policy",
    "AWS FSBP EC2.57": "VPCs should be configured with an interface endpoint for Systems Manager",
    "AWS FSBP EC2.170": "EC2 launch templates should use Instance Metadata Service Version 2 (IMDSv2)",
    "AWS FSBP EC2.181": "EC2 launch templates should enable encryption for attached EBS volumes",
    "AWS FSBP ELB.17": "Application and Network Load Balancers with listeners should use recommended security policies",
    "AWS FSBP ELB.18": "Application and Network Load Balancer listeners should use secure protocols to encrypt data in transit",
    "AWS FSBP RDS.46": "RDS DB instances should not be deployed in public subnets with routes to internet gateways",
    "AWS Security Hub CloudWatch.15": "CloudWatch alarms should have specified actions configured",
    "AWS Security Hub CloudWatch.16": "CloudWatch log groups should be retained for a specified time period",
    "AWS Security Hub CloudWatch.17": "CloudWatch alarm actions should be activated",
    "AWS Security Hub EC2.53": "EC2 security groups should not allow ingress from 0.0.0.0/0 to remote server administration ports",
    "AWS Security Hub EC2.54": "EC2 security groups should not allow ingress from ::/0 to remote server administration ports",
    **dict.fromkeys(
        (
            "AWS Well-Architected COST02-BP05 Implement cost controls",
            "AWS Well-Architected OPS06-BP01 Plan for unsuccessful changes",
            "AWS Well-Architected OPS06-BP04 Automate testing and rollback",
            "AWS Well-Architected REL06-BP03 Send notifications (Real-time processing and alarming)",
            ("AWS Well-Architected REL09-BP01 Identify and back up all data that needs to be backed up, or reproduce the data from "
            "sources"),
            "AWS Well-Architected SEC03-BP09 Share resources securely with a third party",
            "AWS Well-Architected SEC05-BP02 Control traffic flow within your network layers",
            "AWS Well-Architected SEC05-BP03 Implement inspection-based protection",
            "AWS Well-Architected SEC06-BP03 Reduce manual management and interactive access",
        ),
        "its own page of the framework: prowler has an older one, or none",
    ),
    "AWS Resource Tagging Standard 1.0.0": "a standard of Security Hub, in its user guide's list (2026-11-29)",
    **dict.fromkeys(
        (
            f"{NSA}: {heading}"
            for heading in (
                "Building secure container images",
                "Hardening container environments",
                "Network policies",
                "Network separation and hardening",
                "Pod security enforcement",
                "Protecting sensitive cloud infrastructure",
                "Resource policies",
                "Secrets",
                "Service meshes",
            )
        ),
        "a heading of the guide: a copy of its text, and another scanner's list of its headings (2026-11-29)",
    ),
    **dict.fromkeys(
        (
            "SLSA 1.0 threats: (B) Compromise source repo",
            "SLSA 1.0 threats: (G) Compromise package repo",
        ),
        "headings of docs/spec/v1.0/threats.md (slsa-framework/slsa, 2026-11-29)",
    ),
    **dict.fromkeys(
        (
            "Kubernetes: CronJob, Concurrency policy",
            "Kubernetes: Jobs, Job termination and cleanup",
            "Kubernetes: Node-pressure Eviction",
            "Kubernetes: Persistent Volumes, Reclaiming",
            "Kubernetes: Pod Topology Spread Constraints",
            "Kubernetes: Reserve Compute Resources for System Daemons",
            "Kubernetes: Resource Management for Pods and Containers",
            "Kubernetes: Safely Drain a Node",
            "Kubernetes: Specifying a Disruption Budget for your Application",
        ),
        "titles and headings of the documentation's own pages (kubernetes/website and copies, 2026-11-29)",
    ),
    **dict.fromkeys(
        ("Envoy: External Authorization, allowed_headers", "Envoy: External Authorization, failure_mode_allow"),
        "fields of envoy.extensions.filters.http.ext_authz.v3 (go-control-plane 1.40.0, 2026-11-29)",
    ),
    "Envoy: Early Header Mutation": "envoy.http.early_header_mutation, a category of extensions (the same)",
    "Prometheus: Security model": "docs/operating/security.md (prometheus/docs, two copies, 2026-11-29)",
    "Redis: Security, Authentication": 'the page "Redis security" (redis/docs, 2026-11-29)',
    "Grafana: Configure security": "the title of setup-grafana/configure-security, version 13.0 of its documentation (2026-11-30)",
}  # fmt: skip
"""What no package has, and where it was looked up: Security Hub's user guide and the Well-Architected Framework, copies read on
2026-11-28, and others as they say."""

READ = (
    "Argo CD: ", "Argo Rollouts: ", "CIS PostgreSQL 17 ", "External Secrets: ", "Istio security best practices: ", "Istio: ",
    "Kubescape ", "OWASP ", "PSS ",
)  # fmt: skip
"""Whose names were read in their own documents, all of them: docs/verify.md says when and where."""


def body_of(control: str) -> str:
    return next((body for body in FILES if control.startswith(f"{body} ")), NSA if control.startswith(NSA) else "")


CONTROLS = sorted({control for area in AREAS for rule in area.rules for control in rule.controls if body_of(control)})


def test_every_control_was_looked_up() -> None:
    every = {control for area in AREAS for rule in area.rules for control in rule.controls}
    assert {one for one in every if one not in (*CONTROLS, *LOOKED_UP) and not one.startswith(READ)} == set()
    assert {one for one in LOOKED_UP if one not in every} == set()
    assert {one for one in READ if not any(control.startswith(one) for control in every)} == set()


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_exists_under_its_number(control: str) -> None:
    assert exists(control) or control in LOOKED_UP, "look it up: no such number"


def test_what_prowler_has_by_now_need_not_be_looked_up() -> None:
    assert {control for control in LOOKED_UP if body_of(control) and exists(control)} == set()


@pytest.mark.parametrize(
    "control",
    [
        "AWS FSBP RDS.99",
        "CIS AWS 3.0 9.1",
        "CIS Kubernetes 1.12 5.2.2, 5.9.9",
        "AWS Well-Architected SEC02-BP03 Another name",
        f"{NSA}: Immutable file systems",
    ],
)
def test_a_wrong_number_or_name_is_noticed(control: str) -> None:
    assert not exists(control)


def exists(control: str) -> bool:
    """Whether prowler has each of its numbers; of a best practice, with its name. Of NSA's guide, whether Trivy's list has it."""
    body = body_of(control)
    if body == NSA:
        return control.removeprefix(f"{NSA}: ") in guide()
    rest = control.removeprefix(f"{body} ")
    if body == "AWS Well-Architected":
        return rest in {name for file in FILES[body] for one in requirements(file) for name in names(one)}
    known = {one["Id"] for file in FILES[body] for one in requirements(file)}
    return set(rest.split(", ")) <= known


def names(requirement: dict[str, Any]) -> set[str]:
    return {attribute["Name"] for attribute in requirement["Attributes"]}


@cache
def requirements(file: str) -> list[dict[str, Any]]:
    folder = find_witness("prowler") or missing("prowler is not fetched: `python -m tools.witnesses` does it")
    found: list[dict[str, Any]] = json.loads((folder / f"prowler/compliance/{file}.json").read_text())["Requirements"]
    return found


@cache
def guide() -> set[str]:
    """NSA's headings for which Trivy has a check. Its list is of version 1.0; those that the rules name are in 1.2 too."""
    folder = find_witness("trivy-checks") or missing(
        "it is not fetched: `python -m tools.witnesses` does it (needs Go)"
    )
    spec = yaml.safe_load((folder / "pkg/compliance/k8s-nsa-1.0.yaml").read_text())["spec"]
    return {one["name"].strip() for one in spec["controls"]}
