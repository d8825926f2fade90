"""Wealist (wealist.md): a site on CloudFront, an API on EC2 behind an ALB, PostgreSQL, Redis, CodeDeploy.

Read `build` top to bottom: its steps follow the document's sections. docs/systems/wealist.md maps each fact to its test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from infra.components.aws.access_logs import AccessLogs, AccessLogsArgs
from infra.components.aws.alarms import Alarm, Alarms, AlarmsArgs
from infra.components.aws.bucket import PrivateBucket, PrivateBucketArgs
from infra.components.aws.cache import Cache, CacheArgs
from infra.components.aws.certificates import Certificate
from infra.components.aws.cidr import plan_subnets
from infra.components.aws.compute import Fleet, FleetArgs
from infra.components.aws.database import Database, DatabaseArgs
from infra.components.aws.dns import HostedZone
from infra.components.aws.encryption import EncryptionKey, EncryptionKeyArgs
from infra.components.aws.endpoints import Endpoints, EndpointsArgs
from infra.components.aws.federation import github_provider, github_provider_arn, trust_github
from infra.components.aws.iam import Role, RoleArgs, trust_service
from infra.components.aws.images import machine_image
from infra.components.aws.load_balancer import Forward, ForwardPlain, LoadBalancer, LoadBalancerArgs, Refuse, Target
from infra.components.aws.network import ANYWHERE, Network, NetworkArgs
from infra.components.aws.parameters import Parameters, ParametersArgs
from infra.components.aws.registry import Registry, RegistryArgs
from infra.components.aws.release import Release, ReleaseArgs, ReleaseTarget
from infra.components.aws.run_command import RunCommand, RunCommandArgs
from infra.components.aws.security_groups import Edge, SecurityGroups, SecurityGroupsArgs
from infra.components.aws.static_site import CLOUDFRONT_REGION, StaticSite, StaticSiteArgs
from infra.exports import SystemOutputs
from infra.names import Names
from infra.settings import Settings
from infra.settings.wealist import Wealist
from infra.systems import wealist_access, wealist_scripts
from infra.tags import base_tags

USER_PORT, BOARD_PORT, MONITORING_PORT = 8080, 8000, 3001
USER_HEALTH = "/api/users/actuator/health"
BOARD_HEALTH = "/api/boards/health"
MONITORING_HEALTH = "/monitoring/api/health"

ENDPOINT_SERVICES = ("ssm", "ssmmessages", "ec2messages")
"""The interface endpoints of §2.1; S3's is a gateway."""

TARGETS = {
    "user": Target(port=USER_PORT, health_path=USER_HEALTH),
    # A board is edited over a WebSocket (/api/boards/api/ws/*): stickiness is the target group's, not a path's, and it
    # brings a client that reconnects back to the instance that still holds its session.
    "board": Target(port=BOARD_PORT, health_path=BOARD_HEALTH, sticky_seconds=3600),
    "monitoring": Target(port=MONITORING_PORT, health_path=MONITORING_HEALTH),
}

ROUTES = (
    Forward(target="user", paths=(USER_HEALTH,)),
    # Spring's other management endpoints are not for the public, however they are spelled.
    Refuse(paths=("/api/users/actuator", "/api/users/actuator/*")),
    ForwardPlain(target="user", below="/api/users/"),
    Forward(target="board", paths=("/api/boards/*",)),
    Forward(target="monitoring", paths=("/monitoring", "/monitoring/*")),
)

SERVICES = {"user-service": "user", "board-service": "board"}
"""The released services and the target group that each is behind (§7)."""

BUCKETS = ("deploy-scripts", "app-resources", "codedeploy-artifacts", "app-artifacts")
"""The buckets of §9, under the bucket prefix."""


SECURITY_EDGES = (
    Edge(source="anywhere", target="alb", port=80, why="Clients, only to be redirected to HTTPS"),
    Edge(source="anywhere", target="alb", port=443, why="Clients"),
    Edge(source="alb", target="ec2", port=USER_PORT, why="User service"),
    Edge(source="alb", target="ec2", port=BOARD_PORT, why="Board service"),
    Edge(source="alb", target="ec2", port=MONITORING_PORT, why="Grafana"),
    Edge(source="ec2", target="rds", port=5432, why="PostgreSQL"),
    Edge(source="ec2", target="redis", port=6379, why="Redis"),
    Edge(source="vpc", target="endpoints", port=443, why="AWS services from within the VPC"),
    Edge(source="ec2", target="anywhere", port=443, why="AWS APIs and endpoints, ECR, Docker Hub, package mirrors"),
)
"""§8, edge by edge. The last one is how private instances reach ECR, Docker Hub and AWS's APIs (§2.3)."""

GROUPS = {
    "alb": "Load balancer",
    "ec2": "Backend and monitoring instances",
    "rds": "PostgreSQL",
    "redis": "Redis",
    "endpoints": "VPC endpoints",
}
"""The five security groups of §8."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What every step needs to know."""

    settings: Wealist
    names: Names
    account: str
    region: str
    protect: bool
    tags: dict[str, str]
    api_host: str
    image: pulumi.Input[str]
    role_boundary: pulumi.Input[str] | None = None

    def zone(self, letter: str) -> str:
        return f"{self.region}{letter}"

    @property
    def parameter_path(self) -> str:
        return f"/{self.names.system}/{self.names.stack}"


def build(settings: Settings) -> SystemOutputs:
    """Stand up the whole document; the outputs are what its users and its deployments need to know."""
    if settings.wealist is None:
        raise ValueError("the settings have no section 'wealist'")
    context = _context(settings, settings.wealist)
    key = _encryption_key(context)
    logs = _access_logs(context)
    network = _network(context, key)
    groups = _security_groups(context, network)
    _endpoints(context, network, groups)
    zone = HostedZone(context.names.logical("dns"), context.settings.domain, protect=context.protect, tags=context.tags)
    site = _frontend(context, zone, logs)
    balancer = _load_balancer(context, network, groups, zone, logs)
    database = _database(context, network, groups, key)
    cache = _cache(context, network, groups, key)
    _parameters(context, settings, database, cache, key)
    buckets = _buckets(context, logs)
    registry = _registry(context)
    backend = _backend(context, network, groups, balancer, _backend_profile(context, key, buckets))
    _monitoring(context, network, groups, balancer, _monitoring_profile(context, key))
    _database_roles(context, network, groups, database, key)
    alarms = _alarms(context, balancer, backend, database, key)
    release = _release(context, backend, balancer, alarms)
    deployer = _deployer(context, buckets, registry, site)
    return {
        "vpc_id": network.vpc_id,
        "site_url": f"https://{context.settings.domain}",
        "api_url": f"https://{context.api_host}",
        "name_servers": zone.name_servers,
        "distribution_id": site.distribution_id,
        "frontend_bucket": site.bucket.bucket,
        "load_balancer_dns_name": balancer.alias_target.dns_name,
        "database_address": database.address,
        "redis_endpoint": cache.endpoint,
        "parameter_path": context.parameter_path,
        "repository_urls": registry.urls,
        "codedeploy_applications": release.applications,
        "artifacts_bucket": buckets["codedeploy-artifacts"].bucket,
        "deploy_role_arn": deployer.arn,
        "alarm_topic_arn": alarms.topic_arn,
    }


def _context(settings: Settings, wealist: Wealist) -> Context:
    names = Names(system="wealist", stack=settings.stack)
    return Context(
        settings=wealist,
        names=names,
        account=settings.platform.account,
        region=settings.region,
        protect=settings.platform.protect,
        role_boundary=settings.role_boundary,
        tags=base_tags(system="wealist", stack=settings.stack, extra=settings.platform.tags),
        image=machine_image(wealist.backend.image_parameter, wealist.backend.image_id),
        api_host=f"{wealist.load_balancer.api_label}.{wealist.domain}",
    )


def _encryption_key(context: Context) -> EncryptionKey:
    return EncryptionKey(
        context.names.logical("encryption"),
        EncryptionKeyArgs(
            prefix=context.names.prefix,
            account=context.account,
            region=context.region,
            protect=context.protect,
            tags=context.tags,
        ),
    )


def _access_logs(context: Context) -> AccessLogs:
    return AccessLogs(
        context.names.logical("access-logs"),
        AccessLogsArgs(
            bucket=f"{context.settings.bucket_prefix}-access-logs",
            region=context.region,
            account=context.account,
            expire_days=context.settings.load_balancer.log_retention_days,
            protect=context.protect,
            tags=context.tags,
        ),
    )


def _network(context: Context, key: EncryptionKey) -> Network:
    network = context.settings.network
    return Network(
        context.names.logical("network"),
        NetworkArgs(
            prefix=context.names.prefix,
            region=context.region,
            account=context.account,
            cidr=network.cidr,
            subnets=plan_subnets(network.cidr, network.zones),
            nat=network.nat,
            flow_log_retention_days=network.flow_log_retention_days,
            log_key_arn=key.arn,
            role_boundary=context.role_boundary,
            tags=context.tags,
        ),
    )


def _security_groups(context: Context, network: Network) -> SecurityGroups:
    return SecurityGroups(
        context.names.logical("security"),
        SecurityGroupsArgs(
            prefix=context.names.prefix,
            vpc_id=network.vpc_id,
            groups=GROUPS,
            blocks={"anywhere": ANYWHERE, "vpc": context.settings.network.cidr},
            edges=SECURITY_EDGES,
            tags=context.tags,
        ),
    )


def _endpoints(context: Context, network: Network, groups: SecurityGroups) -> Endpoints:
    return Endpoints(
        context.names.logical("endpoints"),
        EndpointsArgs(
            prefix=context.names.prefix,
            region=context.region,
            account=context.account,
            vpc_id=network.vpc_id,
            subnet_ids=list(network.private_subnet_ids.values()),
            route_table_ids=network.private_route_table_ids,
            security_group_id=groups.ids["endpoints"],
            interfaces=ENDPOINT_SERVICES,
            tags=context.tags,
        ),
    )


def _frontend(context: Context, zone: HostedZone, logs: AccessLogs) -> StaticSite:
    """§3: the apex is the site's."""
    domain = context.settings.domain
    certificate = Certificate(
        context.names.logical("site-certificate"),
        domain,
        zone_id=zone.zone_id,
        region=CLOUDFRONT_REGION,
        tags=context.tags,
    )
    site = StaticSite(
        context.names.logical("site"),
        StaticSiteArgs(
            prefix=context.names.prefix,
            bucket=f"{context.settings.bucket_prefix}-frontend",
            host=domain,
            api_host=context.api_host,
            certificate_arn=certificate.arn,
            access_logs=logs,
            protect=context.protect,
            tags=context.tags,
        ),
    )
    zone.alias("apex", domain, site.alias_target, ipv6=True)
    return site


def _load_balancer(
    context: Context, network: Network, groups: SecurityGroups, zone: HostedZone, logs: AccessLogs
) -> LoadBalancer:
    """§4: paths of the API's host."""
    certificate = Certificate(
        context.names.logical("api-certificate"),
        context.api_host,
        zone_id=zone.zone_id,
        region=context.region,
        tags=context.tags,
    )
    balancer = LoadBalancer(
        context.names.logical("api"),
        LoadBalancerArgs(
            prefix=context.names.prefix,
            vpc_id=network.vpc_id,
            subnet_ids=list(network.public_subnet_ids.values()),
            security_group_id=groups.ids["alb"],
            certificate_arn=certificate.arn,
            access_logs=logs,
            targets=TARGETS,
            rules=ROUTES,
            idle_seconds=context.settings.load_balancer.idle_timeout_seconds,
            deletion_protection=context.settings.load_balancer.deletion_protection,
            tags=context.tags,
        ),
    )
    zone.alias("api", context.api_host, balancer.alias_target, ipv6=False)
    return balancer


def _database(context: Context, network: Network, groups: SecurityGroups, key: EncryptionKey) -> Database:
    """§5. The instance lives in zone a, its standby where AWS puts it."""
    database = context.settings.database
    return Database(
        context.names.logical("database"),
        DatabaseArgs(
            prefix=context.names.prefix,
            engine_version=database.engine_version,
            instance_class=database.instance_class,
            storage_gib=database.storage_gib,
            max_storage_gib=database.max_storage_gib,
            multi_az=context.settings.enable_multi_az,
            zone=context.zone("a"),
            subnet_ids=list(network.private_subnet_ids.values()),
            security_group_id=groups.ids["rds"],
            key_arn=key.arn,
            backup_retention_days=database.backup_retention_days,
            log_retention_days=context.settings.network.flow_log_retention_days,
            deletion_protection=database.deletion_protection,
            protect=context.protect,
            master_username="wealist_admin",
            tags=context.tags,
        ),
    )


def _cache(context: Context, network: Network, groups: SecurityGroups, key: EncryptionKey) -> Cache:
    """§6. The primary lives in zone c, the replica in d."""
    zones = ("c", "d") if context.settings.enable_multi_az else ("c",)
    return Cache(
        context.names.logical("cache"),
        CacheArgs(
            prefix=context.names.prefix,
            engine_version=context.settings.cache.engine_version,
            node_type=context.settings.cache.node_type,
            zones=[context.zone(letter) for letter in zones],
            subnet_ids=list(network.private_subnet_ids.values()),
            security_group_id=groups.ids["redis"],
            key_arn=key.arn,
            snapshot_retention_days=context.settings.cache.snapshot_retention_days,
            protect=context.protect,
            tags=context.tags,
        ),
    )


def _generated(context: Context, name: str, length: int) -> pulumi.Output[str]:
    """A secret that no person sets or sees: letters and digits."""
    return random.RandomPassword(context.names.logical(name), length=length, special=False).result


def _parameters(
    context: Context, settings: Settings, database: Database, cache: Cache, key: EncryptionKey
) -> Parameters:
    """What §4 and §5 let instances read at their start."""
    return Parameters(
        context.names.logical("parameters"),
        ParametersArgs(
            path=context.parameter_path,
            key_arn=key.arn,
            plain={
                "db/endpoint": database.address,
                "db/port": str(database.port),
                "db/master_arn": database.master_secret_arn,
                "db/user_db_name": "wealist_user_db",
                "db/user_db_user": "user_service",
                "db/board_db_name": "wealist_board_db",
                "db/board_db_user": "board_service",
                "redis/endpoint": cache.endpoint,
                "redis/port": str(cache.port),
            },
            secret={
                "db/user_db_password": _generated(context, "user-db-password", 40),
                "db/board_db_password": _generated(context, "board-db-password", 40),
                "redis/auth_token": cache.auth_token,
                "jwt/secret": _generated(context, "jwt-secret", 64),
                "google/client_id": settings.secret("wealist-google-client-id"),
                "google/client_secret": settings.secret("wealist-google-client-secret"),
                "monitoring/grafana_admin_password": _generated(context, "grafana-password", 32),
            },
            tags=context.tags,
        ),
    )


def _buckets(context: Context, logs: AccessLogs) -> dict[str, PrivateBucket]:
    """§9. CodeDeploy takes revisions from a bucket with versions only when asked to; versions are for the way back."""
    buckets = {
        part: PrivateBucket(
            context.names.logical(part),
            PrivateBucketArgs(
                bucket=f"{context.settings.bucket_prefix}-{part}",
                versioning=True,
                access_logs=logs.bucket,
                force_destroy=not context.protect,
                protect=context.protect,
                tags=context.tags,
            ),
        )
        for part in BUCKETS
    }
    for bucket in buckets.values():
        bucket.allow()
    return buckets


def _registry(context: Context) -> Registry:
    return Registry(
        context.names.logical("registry"),
        RegistryArgs(
            prefix=context.names.prefix,
            services=tuple(SERVICES),
            protect=context.protect,
            tags=context.tags,
        ),
    )


def _backend_profile(context: Context, key: EncryptionKey, buckets: dict[str, PrivateBucket]) -> pulumi.Output[str]:
    """§9, the EC2 role; the name of its instance profile."""
    grants = wealist_access.BackendGrants(
        secrets=_secret_grants(context, key),
        prefix=context.names.prefix,
        deploy_scripts=buckets["deploy-scripts"].arn,
        app_resources=buckets["app-resources"].arn,
        codedeploy_artifacts=buckets["codedeploy-artifacts"].arn,
    )
    return _instance_profile(context, "ec2", "Backend instances", wealist_access.backend_policies(grants))


def _monitoring_profile(context: Context, key: EncryptionKey) -> pulumi.Output[str]:
    """A role that knows Grafana's password and nothing of the services' or the database's."""
    policies = wealist_access.monitoring_policies(_secret_grants(context, key))
    return _instance_profile(context, "monitoring", "The monitoring instance", policies)


def _secret_grants(context: Context, key: EncryptionKey) -> wealist_access.SecretGrants:
    return wealist_access.SecretGrants(
        region=context.region, account=context.account, parameter_path=context.parameter_path, key_arn=key.arn
    )


def _instance_profile(
    context: Context, machine: str, description: str, policies: wealist_access.Policies
) -> pulumi.Output[str]:
    """The name of the profile of a kind of machine, with a role of its own that Session Manager reaches."""
    role = Role(
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
    profile = aws.iam.InstanceProfile(
        context.names.logical(f"{machine}-profile"),
        name=context.names.physical(f"{machine}-profile"),
        role=role.role_name,
        tags=context.tags,
    )
    return profile.name


def _backend(
    context: Context, network: Network, groups: SecurityGroups, balancer: LoadBalancer, profile: pulumi.Output[str]
) -> Fleet:
    """§4: two to six instances over all zones, each running both services."""
    backend = context.settings.backend
    return Fleet(
        context.names.logical("backend"),
        FleetArgs(
            prefix=context.names.prefix,
            label="backend",
            instance_type=backend.instance_type,
            image_id=context.image,
            user_data=wealist_scripts.backend_user_data(_script_settings(context)),
            instance_profile=profile,
            security_group_id=groups.ids["ec2"],
            subnet_ids=list(network.private_subnet_ids.values()),
            target_group_arns=_target_group_arns(balancer, tuple(SERVICES.values())),
            minimum=backend.minimum,
            maximum=backend.maximum,
            cpu_target_percent=backend.cpu_target_percent,
            volume_gib=backend.volume_gib,
            tags=context.tags,
        ),
    )


def _monitoring(
    context: Context, network: Network, groups: SecurityGroups, balancer: LoadBalancer, profile: pulumi.Output[str]
) -> Fleet:
    """§4: one instance with Prometheus and Grafana, in zone d, replaced when it fails."""
    monitoring = context.settings.monitoring
    return Fleet(
        context.names.logical("monitoring"),
        FleetArgs(
            prefix=context.names.prefix,
            label="monitoring",
            instance_type=monitoring.instance_type,
            image_id=context.image,
            user_data=wealist_scripts.monitoring_user_data(_script_settings(context)),
            instance_profile=profile,
            security_group_id=groups.ids["ec2"],
            subnet_ids=[network.private_subnet_ids[monitoring.zone]],
            target_group_arns=_target_group_arns(balancer, ("monitoring",)),
            minimum=1,
            maximum=1,
            cpu_target_percent=None,
            volume_gib=monitoring.volume_gib,
            tags=context.tags,
        ),
    )


def _target_group_arns(balancer: LoadBalancer, targets: Sequence[str]) -> list[pulumi.Output[str]]:
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


def _database_roles(
    context: Context, network: Network, groups: SecurityGroups, database: Database, key: EncryptionKey
) -> RunCommand:
    """§5's two databases and roles: made on a machine that does only this, and alone may read the master's password (ADR 0024)."""
    settings = context.settings.database
    policies = wealist_access.database_init_policies(_secret_grants(context, key), database.master_secret_arn)
    Fleet(
        context.names.logical("database-init-machine"),
        FleetArgs(
            prefix=context.names.prefix,
            label="database-init",
            instance_type=settings.init_instance_type,
            image_id=context.image,
            user_data=wealist_scripts.database_init_user_data(_script_settings(context)),
            instance_profile=_instance_profile(context, "database-init", "Makes the databases", policies),
            security_group_id=groups.ids["ec2"],
            subnet_ids=list(network.private_subnet_ids.values()),
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
            content=wealist_scripts.database_init_document(_script_settings(context)),
            target_name=context.names.physical("database-init"),
            tags=context.tags,
        ),
    )


def _alarms(context: Context, balancer: LoadBalancer, backend: Fleet, database: Database, key: EncryptionKey) -> Alarms:
    """Alarms per service, which also stop its release, one for instances that do not come up, and two for the database."""
    alarms: dict[str, Alarm] = {}
    for service, target in SERVICES.items():
        dimensions = {
            "LoadBalancer": balancer.arn_suffix,
            "TargetGroup": balancer.target_groups[target].arn_suffix,
        }
        alarms[f"{service}-5xx"] = Alarm(
            description=f"{service} answers with errors",
            namespace="AWS/ApplicationELB",
            metric="HTTPCode_Target_5XX_Count",
            dimensions=dimensions,
            statistic="Sum",
            # Counted only while there are errors.
            silence="notBreaching",
            above=10,
        )
        alarms[f"{service}-no-healthy-host"] = Alarm(
            description=f"{service} has no healthy instance",
            namespace="AWS/ApplicationELB",
            metric="HealthyHostCount",
            dimensions=dimensions,
            statistic="Minimum",
            # Without a target in the group nothing is reported.
            silence="breaching",
            below=1,
        )
    alarms["backend-too-few"] = Alarm(
        description="Instances do not come up: a release that fails on a new one ends it (docs/adr/0017)",
        namespace="AWS/AutoScaling",
        metric="GroupInServiceInstances",
        dimensions={"AutoScalingGroupName": backend.group_name},
        statistic="Maximum",
        # The group tells it every minute, as long as there is one.
        silence="breaching",
        minutes=15,
        below=context.settings.backend.minimum,
    )
    instance = {"DBInstanceIdentifier": database.identifier}
    alarms["database-cpu"] = Alarm(
        description="The database is busy",
        namespace="AWS/RDS",
        metric="CPUUtilization",
        dimensions=instance,
        statistic="Average",
        # RDS reports every minute while the database runs: one that says nothing is down.
        silence="breaching",
        minutes=10,
        above=85,
    )
    alarms["database-storage"] = Alarm(
        description="The database has less than 2 GiB left",
        namespace="AWS/RDS",
        metric="FreeStorageSpace",
        dimensions=instance,
        statistic="Minimum",
        silence="breaching",
        below=2 * 1024**3,
    )
    return Alarms(
        context.names.logical("alarms"),
        AlarmsArgs(
            prefix=context.names.prefix,
            key_arn=key.arn,
            alarms=alarms,
            email=context.settings.alert_email,
            tags=context.tags,
        ),
    )


def _release(context: Context, backend: Fleet, balancer: LoadBalancer, alarms: Alarms) -> Release:
    """§7."""
    role = Role(
        context.names.logical("codedeploy-role"),
        RoleArgs(
            prefix=context.names.prefix,
            label="codedeploy-role",
            description="CodeDeploy releases to the backend",
            trust=trust_service("codedeploy.amazonaws.com", account=context.account),
            policies=wealist_access.codedeploy_policies(
                prefix=context.names.prefix,
                region=context.region,
                account=context.account,
                target_group_arns=_target_group_arns(balancer, tuple(SERVICES.values())),
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
                for service, target in SERVICES.items()
            },
            tags=context.tags,
        ),
    )


def _deployer(context: Context, buckets: dict[str, PrivateBucket], registry: Registry, site: StaticSite) -> Role:
    """§9, the GitHub Actions role."""
    github = context.settings.github
    provider = (
        github_provider(context.names.logical("github"), context.tags)
        if github.create_provider
        else github_provider_arn(context.account)
    )
    grants = wealist_access.DeployerGrants(
        prefix=context.names.prefix,
        region=context.region,
        account=context.account,
        parameter_path=context.parameter_path,
        repositories=list(registry.arns.values()),
        buckets=[
            buckets["codedeploy-artifacts"].objects,
            buckets["app-artifacts"].objects,
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
            policies=wealist_access.deployer_policies(grants),
            boundary=context.role_boundary,
            tags=context.tags,
        ),
    )
