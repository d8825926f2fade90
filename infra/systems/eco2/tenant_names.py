"""How what the cluster makes for a tenant is called."""

from __future__ import annotations

from infra.contract import Tenant

PARAMETERS_ACCOUNT = "parameters"
"""The service account with whose role External Secrets reads a tenant's parameters: no pod has it."""


def dashed(tenant: Tenant) -> str:
    """Its system as names in Kubernetes may be."""
    return tenant.system.replace("_", "-")


def home(tenant: Tenant) -> str:
    """The namespace where a tenant's own things are that are only once there: its first."""
    return next(iter(tenant.namespaces))


def secrets_role(tenant: Tenant) -> str:
    """The label of the role that reads its parameters."""
    return f"parameters-{dashed(tenant)}"


def store(tenant: Tenant) -> str:
    """The ClusterSecretStore of its parameters."""
    return f"{dashed(tenant)}-parameters"


def parameter_path(tenant: Tenant, stack: str) -> str:
    """What its parameters are below."""
    return f"/{tenant.system}/{stack}"
