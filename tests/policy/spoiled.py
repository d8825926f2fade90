"""The real program with seven mistakes, and what the engine needs to judge it by the pack."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.stacks import ROOT

PACK = ROOT / "policy"
UNSAID = "can't run policy"
"""What the engine says of a policy that met a value which is not known yet."""

PROGRAM = f"""
import runpy

import pulumi

BROKEN = {{
    "Instance wealist-database-instance": {{"publicly_accessible": True, "auto_minor_version_upgrade": False}},
    "SecurityGroupIngressRule wealist-security-endpoints-from-vpc-443": {{"cidr_ipv4": "0.0.0.0/0"}},
    "SecurityGroupIngressRule wealist-security-redis-from-ec2-6379": {{
        "referenced_security_group_id": None,
        "cidr_ipv4": "0.0.0.0/0",
    }},
    "Key wealist-encryption-key": {{"enable_key_rotation": False}},
    "Subnet eco2-network-public-a": {{"map_public_ip_on_launch": True}},
    "PeerAuthentication eco2-mesh-mutual-tls-peerauthentication": {{"spec": {{"mtls": {{"mode": "PERMISSIVE"}}}}}},
}}


def spoil(args):
    args.props.update(BROKEN.get(f"{{args.type_.split(':')[-1]}} {{args.name}}", {{}}))
    return pulumi.ResourceTransformationResult(args.props, args.opts)


pulumi.runtime.register_stack_transformation(spoil)
runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
"""

SPOILED = {
    ("rds-not-public", "wealist-database-instance"),
    ("rds-minor-upgrades", "wealist-database-instance"),
    ("sg-world-load-balancers-only", "wealist-security-endpoints-from-vpc-443"),
    ("sg-world-web-only", "wealist-security-redis-from-ec2-6379"),
    ("kms-rotation", "wealist-encryption-key"),
    ("subnet-no-public-addresses", "eco2-network-public-a"),
    ("mesh-mtls-strict", "eco2-mesh-mutual-tls-peerauthentication"),
}


def spoiled_program(folder: Path) -> Path:
    """A folder with the program that makes the mistakes."""
    folder.mkdir()
    (folder / "__main__.py").write_text(PROGRAM)
    return folder


def write_analyzer(folder: Path) -> Path:
    """A folder for PATH, with the plugin by which the engine starts a pack in Python: its releases bring it along."""
    analyzer = folder / "pulumi-analyzer-policy-python"
    folder.mkdir()
    analyzer.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$1" "$2"\n')
    analyzer.chmod(0o755)
    return folder
