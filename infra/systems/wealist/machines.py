"""§4 and §9: the instances, what they run and what their roles may do; the machine that makes §5's databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.components.aws.alarms import may_tell
from infra.components.aws.bucket import PrivateBucket
from infra.components.aws.compute import Fleet, FleetArgs
from infra.components.aws.database import Database
from infra.components.aws.foundation import Foundation
from infra.components.aws.iam import Role, RoleArgs, Statement, policy_document, trust_service
from infra.components.aws.load_balancer import LoadBalancer
from infra.components.aws.run_command import RunCommand, RunCommandArgs
from infra.settings.wealist import Backend
from infra.systems.wealist import access, alertmanager, document, scripts
from infra.systems.wealist.context import Context
from infra.systems.wealist.data import Data
from infra.systems.wealist.storage import Storage


def build_machines(
    context: Context, foundation: Foundation, balancer: LoadBalancer, data: Data, storage: Storage
) -> Fleet:
    """The backend, which is given; monitoring; and the databases' own machine."""
    backend = _backend(context, foundation, balancer, _backend_profile(context, foundation, storage.buckets))
    _monitoring(context, foundation, balancer, _monitoring_profile(context, foundation))
    _database_roles(context, foundation, data.database)
    return backend


def _backend_profile(
    context: Context, foundation: Foundation, buckets: Mapping[str, PrivateBucket]
) -> pulumi.Output[str]:
    """§9, the EC2 role; the name of its instance profile."""
    grants = access.BackendGrants(
        secrets=_secret_grants(context, foundation),
        prefix=context.names.prefix,
        deploy_scripts=buckets["deploy-scripts"].arn,
        app_resources=buckets["app-resources"].arn,
        codedeploy_artifacts=buckets["codedeploy-artifacts"].arn,
    )
    return _instance_profile(context, "ec2", "Backend instances", access.backend_policies(grants))


def _monitoring_profile(context: Context, foundation: Foundation) -> pulumi.Output[str]:
    """A role that knows Grafana's password and nothing of the services' or the database's, and gets Alertmanager's keys."""
    policies = access.monitoring_policies(_secret_grants(context, foundation), alertmanager.role_arn(context))
    role = _machine_role(context, "monitoring", "The monitoring instance", policies)
    Role(
        context.names.logical("alertmanager-role"),
        RoleArgs(
            prefix=context.names.prefix,
            label=alertmanager.ROLE,
            description="Alertmanager tells of alerts, and that it is there",
            trust=policy_document(Statement(actions=["sts:AssumeRole"], principals={"AWS": role.arn})),
            policies={
                "alertmanager-policy": may_tell(alertmanager.topic_arns(context), foundation.key.arn, context.region)
            },
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )
    return _profile(context, "monitoring", role)


def _secret_grants(context: Context, foundation: Foundation) -> access.SecretGrants:
    return access.SecretGrants(
        region=context.region,
        account=context.account,
        parameter_path=context.parameter_path,
        key_arn=foundation.key.arn,
    )


def _instance_profile(
    context: Context, machine: str, description: str, policies: access.Policies
) -> pulumi.Output[str]:
    """The name of the profile of a kind of machine, with a role of its own that Session Manager reaches."""
    return _profile(context, machine, _machine_role(context, machine, description, policies))


def _machine_role(context: Context, machine: str, description: str, policies: access.Policies) -> Role:
    return Role(
        context.names.logical(f"{machine}-role"),
        RoleArgs(
            prefix=context.names.prefix,
            label=f"{machine}-role",
            description=description,
            trust=trust_service("ec2.amazonaws.com", account=context.account),
            policies=policies,
            managed=("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",),
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )


def _profile(context: Context, machine: str, role: Role) -> pulumi.Output[str]:
    profile = aws.iam.InstanceProfile(
        context.names.logical(f"{machine}-profile"),
        name=context.names.physical(f"{machine}-profile"),
        role=role.role_name,
        tags=context.tags,
    )
    return profile.name


def _backend(context: Context, foundation: Foundation, balancer: LoadBalancer, profile: pulumi.Output[str]) -> Fleet:
    """§4: two to six instances over all zones, each running both services."""
    backend = context.settings.backend
    return Fleet(
        context.names.logical("backend"),
        FleetArgs(
            prefix=context.names.prefix,
            label="backend",
            instance_type=backend.instance_type,
            image_id=context.image,
            user_data=scripts.backend_user_data({**_script_settings(context), **agent_settings(backend)}),
            instance_profile=profile,
            security_group_id=foundation.groups.ids["ec2"],
            subnet_ids=foundation.private_subnet_ids,
            target_group_arns=target_group_arns(balancer, tuple(document.SERVICES.values())),
            minimum=backend.minimum,
            maximum=backend.maximum,
            cpu_target_percent=backend.cpu_target_percent,
            volume_gib=backend.volume_gib,
            tags=context.tags,
        ),
    )


def _monitoring(context: Context, foundation: Foundation, balancer: LoadBalancer, profile: pulumi.Output[str]) -> Fleet:
    """§4: one instance with Prometheus, Alertmanager and Grafana, in zone d, replaced when it fails."""
    monitoring = context.settings.monitoring
    return Fleet(
        context.names.logical("monitoring"),
        FleetArgs(
            prefix=context.names.prefix,
            label="monitoring",
            instance_type=monitoring.instance_type,
            image_id=context.image,
            user_data=scripts.monitoring_user_data(
                {**_script_settings(context), "ALERTMANAGER_ROLE": alertmanager.role_arn(context)},
                alertmanager.alertmanager_config(context),
            ),
            instance_profile=profile,
            security_group_id=foundation.groups.ids["ec2"],
            subnet_ids=[foundation.network.private_subnet_ids[monitoring.zone]],
            target_group_arns=target_group_arns(balancer, ("monitoring",)),
            minimum=1,
            maximum=1,
            cpu_target_percent=None,
            volume_gib=monitoring.volume_gib,
            tags=context.tags,
        ),
    )


def target_group_arns(balancer: LoadBalancer, targets: Sequence[str]) -> list[pulumi.Output[str]]:
    return [balancer.target_groups[target].arn for target in targets]


def _script_settings(context: Context) -> dict[str, str]:
    return {
        "REGION": context.region,
        "STACK": context.names.stack,
        "NAME_PREFIX": context.names.prefix,
        "PARAMETER_PREFIX": context.parameter_path,
        "REGISTRY": f"{context.account}.dkr.ecr.{context.region}.amazonaws.com",
        "DOMAIN": context.settings.domain,
        "API_HOST": context.api_host,
    }


def agent_settings(backend: Backend) -> dict[str, str]:
    agent = backend.codedeploy_agent
    return {
        "CODEDEPLOY_AGENT": agent.package if agent else "",
        "CODEDEPLOY_AGENT_SHA256": agent.sha256 if agent else "",
    }


def _database_roles(context: Context, foundation: Foundation, database: Database) -> RunCommand:
    """§5's two databases and roles: made on a machine that does only this, and alone may read the master's password (ADR 0024)."""
    settings = context.settings.database
    policies = access.database_init_policies(_secret_grants(context, foundation), database.master_secret_arn)
    Fleet(
        context.names.logical("database-init-machine"),
        FleetArgs(
            prefix=context.names.prefix,
            label="database-init",
            instance_type=settings.init_instance_type,
            image_id=context.image,
            user_data=scripts.database_init_user_data(_script_settings(context)),
            instance_profile=_instance_profile(context, "database-init", "Makes the databases", policies),
            security_group_id=foundation.groups.ids["ec2"],
            subnet_ids=foundation.private_subnet_ids,
            target_group_arns=[],
            minimum=1,
            maximum=1,
            cpu_target_percent=None,
            volume_gib=8,
            tags=context.tags,
        ),
    )
    return RunCommand(
        context.names.logical("database-init"),
        RunCommandArgs(
            document=context.names.physical("database-init"),
            content=scripts.database_init_document(_script_settings(context)),
            target_name=context.names.physical("database-init"),
            tags=context.tags,
        ),
    )
