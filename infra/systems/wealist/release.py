"""§7 and §9: how a release reaches the instances, and who may start one."""

from __future__ import annotations

from infra.components.aws.alarms import Alarms, may_tell
from infra.components.aws.compute import Fleet
from infra.components.aws.federation import github_provider, github_provider_arn, trust_github
from infra.components.aws.foundation import Foundation
from infra.components.aws.iam import Role, RoleArgs, trust_service
from infra.components.aws.load_balancer import LoadBalancer
from infra.components.aws.release import Release, ReleaseArgs, ReleaseTarget
from infra.components.aws.static_site import StaticSite
from infra.systems.wealist import access, alertmanager, document
from infra.systems.wealist.context import Context
from infra.systems.wealist.machines import target_group_arns
from infra.systems.wealist.storage import Storage


def build_release(
    context: Context, foundation: Foundation, backend: Fleet, balancer: LoadBalancer, alarms: Alarms
) -> Release:
    """§7."""
    role = Role(
        context.names.logical("codedeploy-role"),
        RoleArgs(
            prefix=context.names.prefix,
            label="codedeploy-role",
            description="CodeDeploy releases to the backend",
            trust=trust_service("codedeploy.amazonaws.com", account=context.account),
            policies=access.codedeploy_policies(
                prefix=context.names.prefix,
                region=context.region,
                account=context.account,
                target_group_arns=target_group_arns(balancer, tuple(document.SERVICES.values())),
                told=may_tell([alertmanager.topic_arns(context)[0]], foundation.key.arn, context.region),
            ),
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )
    return Release(
        context.names.logical("release"),
        ReleaseArgs(
            prefix=context.names.prefix,
            role_arn=role.arn,
            group_name=backend.group_name,
            services={
                service: ReleaseTarget(
                    target_group=balancer.target_groups[target].name,
                    alarms=[alarms.names[f"{service}-5xx"]],
                )
                for service, target in document.SERVICES.items()
            },
            failures_topic_arn=alarms.topic_arn,
            tags=context.tags,
        ),
    )


def build_deployer(context: Context, storage: Storage, site: StaticSite) -> Role:
    """§9, the GitHub Actions role."""
    github = context.settings.github
    provider = (
        github_provider(context.names.logical("github"), context.tags)
        if github.create_provider
        else github_provider_arn(context.account)
    )
    grants = access.DeployerGrants(
        prefix=context.names.prefix,
        region=context.region,
        account=context.account,
        parameter_path=context.parameter_path,
        repositories=list(storage.registry.arns.values()),
        buckets=[
            storage.buckets["codedeploy-artifacts"].objects,
            storage.buckets["app-artifacts"].objects,
            site.bucket.objects,
        ],
        site_bucket=site.bucket.arn,
        distribution_arn=site.distribution_arn,
    )
    return Role(
        context.names.logical("github-actions-role"),
        RoleArgs(
            prefix=context.names.prefix,
            label="github-actions-role",
            description="GitHub Actions deploys wealist",
            trust=trust_github(
                provider,
                [f"repo:{one}:environment:{context.names.stack}" for one in github.repositories],
                like=github.subjects_like,
            ),
            policies=access.deployer_policies(grants),
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )
