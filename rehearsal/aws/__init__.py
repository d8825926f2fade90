"""AWS on moto: every declared service."""

from __future__ import annotations

from rehearsal.memory import save_memory

save_memory()  # Before any of what follows imports moto.

from rehearsal.aws import (  # noqa: E402
    acm,
    autoscaling,
    cloudfront,
    cloudwatch,
    codedeploy,
    ec2,
    ecr,
    elasticache,
    elbv2,
    iam,
    kms,
    logs,
    rds,
    route53,
    s3,
    sns,
    ssm,
    sts,
    wafv2,
)
from rehearsal.aws.declare import AwsService  # noqa: E402

SERVICES: tuple[AwsService, ...] = (
    acm.SERVICE,
    autoscaling.SERVICE,
    cloudfront.SERVICE,
    cloudwatch.SERVICE,
    codedeploy.SERVICE,
    ec2.SERVICE,
    ecr.SERVICE,
    elasticache.SERVICE,
    elbv2.SERVICE,
    iam.SERVICE,
    kms.SERVICE,
    logs.SERVICE,
    rds.SERVICE,
    route53.SERVICE,
    s3.SERVICE,
    sns.SERVICE,
    ssm.SERVICE,
    sts.SERVICE,
    wafv2.SERVICE,
)
