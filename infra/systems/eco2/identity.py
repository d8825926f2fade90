"""The cluster as an identity provider (IRSA): its issuer, and a role for each controller that asks AWS.

Source: eco2.md, the dashed arrows of 전체 아키텍처 that say "AWS API", and what its data and secrets need besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.components.aws.dns import HostedZone
from infra.components.aws.federation import trust_service_account
from infra.components.aws.foundation import certify
from infra.components.aws.iam import Role, RoleArgs
from infra.components.aws.service_account_issuer import ServiceAccountIssuer, ServiceAccountIssuerArgs
from infra.components.aws.static_site import CLOUDFRONT_REGION
from infra.systems.eco2 import access, alertmanager, needs
from infra.systems.eco2.context import Context
from infra.systems.eco2.network import Foundation
from infra.systems.eco2.roles import Controller
from infra.systems.eco2.tenant_names import PARAMETERS_ACCOUNT, home, secrets_role


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The issuer, IAM's provider for it, and the roles by their labels."""

    issuer: ServiceAccountIssuer
    provider: pulumi.Output[str]
    roles: Mapping[str, Role]


def build_identity(context: Context, foundation: Foundation, zone: HostedZone) -> Identity:
    """The issuer with its description, IAM's provider for it, and the controllers' roles."""
    issuer = ServiceAccountIssuer(
        context.names.logical("issuer"),
        ServiceAccountIssuerArgs(
            prefix=context.names.prefix,
            host=context.issuer_host,
            bucket=context.bucket("issuer"),
            certificate_arn=certify(context, zone, "issuer", context.issuer_host, CLOUDFRONT_REGION),
            access_logs=foundation.logs.bucket,
            protect=context.protect,
            tags=context.tags,
        ),
    )
    provider = issuer.provider(*zone.alias("issuer", context.issuer_host, issuer.alias_target, ipv6=True))
    return Identity(
        issuer=issuer,
        provider=provider,
        roles={
            one.label: _role(context, one, provider) for one in controllers(context, foundation.key.arn, zone.zone_id)
        },
    )


def controllers(context: Context, key_arn: pulumi.Input[str], zone_id: pulumi.Input[str]) -> tuple[Controller, ...]:
    """Every service account with a role. etcd's backup has none: it runs on the master, with the master's own."""
    # A table: each row is one account's, read alone.
    scale = Controller(
        label="cluster-autoscaler",
        namespace="kube-system",
        service_account="cluster-autoscaler",
        description="Cluster Autoscaler sizes the tenants' workers",
        statements=access.cluster_autoscaler(context),
    )
    return (
        Controller(
            label="aws-load-balancer-controller",
            namespace="kube-system",
            service_account="aws-load-balancer-controller",
            description="AWS Load Balancer Controller (ALBC to ALB)",
            statements=access.load_balancer_controller(context),
        ),
        Controller(
            label="external-dns",
            namespace="external-dns",
            service_account="external-dns",
            description="ExternalDNS (ExtDNS to Route53)",
            statements=access.external_dns(context, zone_id),
        ),
        Controller(
            label="external-secrets",
            namespace="external-secrets",
            service_account="external-secrets",
            description="External Secrets reads parameters",
            statements=access.external_secrets(context, key_arn),
        ),
        Controller(
            label="ebs-csi",
            namespace="kube-system",
            service_account="ebs-csi-controller-sa",
            description="EBS CSI driver keeps persistent volumes",
            statements=access.ebs_csi(context),
        ),
        Controller(
            label="postgres-backup",
            namespace="postgres",
            service_account="postgres-backup",
            description="PostgreSQL dumps go to their bucket",
            statements=access.postgres_backup(context),
        ),
        Controller(
            label=alertmanager.ROLE,
            namespace="prometheus",
            service_account=alertmanager.ACCOUNT,
            description="Alertmanager tells of alerts, and that it is there",
            statements=access.tell_alarms(context, key_arn),
        ),
        *([scale] if context.settings.tenant_workers else []),
        *(
            Controller(
                label=secrets_role(tenant),
                namespace=home(tenant),
                service_account=PARAMETERS_ACCOUNT,
                description=f"External Secrets reads {tenant.system}'s parameters",
                statements=access.tenant_parameters(context, key_arn, tenant.system),
            )
            for tenant in context.tenants
            if tenant.fetches_secrets
        ),
        *(controller for answer in needs.answers(context) for controller in answer.controllers),
    )


def _role(context: Context, controller: Controller, provider: pulumi.Input[str]) -> Role:
    return Role(
        context.names.logical(f"role-{controller.label}"),
        RoleArgs(
            prefix=context.names.prefix,
            label=controller.label,
            description=controller.description,
            trust=trust_service_account(
                provider,
                issuer_host=context.issuer_host,
                namespace=controller.namespace,
                service_account=controller.service_account,
            ),
            policies={controller.label: controller.statements},
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )
