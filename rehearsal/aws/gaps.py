"""What the embedded AWS cannot do, as data; tests/rehearsal/test_aws_gaps.py fails when it is wrong in either direction."""

from __future__ import annotations

from typing import NamedTuple


class Gap(NamedTuple):
    """An operation that moto lacks, though a declared type would use it on AWS."""

    service: str
    operation: str
    consequence: str


class Unsent(NamedTuple):
    """An input that AWS, or the real provider, would act on and nothing here does."""

    token: str
    key: str
    consequence: str


_KEPT = "is kept by the embedded cloud itself: outputs and updates work, boto3 and the AWS CLI do not see it"

GAPS: tuple[Gap, ...] = (
    Gap("acm", "update_certificate_options", "a change of a certificate's options replaces it"),
    Gap("autoscaling", "start_instance_refresh", "a new launch template version replaces no running instance"),
    Gap("cloudfront", "create_cache_policy", f"a CachePolicy {_KEPT}"),
    Gap("cloudfront", "create_response_headers_policy", f"a ResponseHeadersPolicy {_KEPT}"),
    Gap("elbv2", "create_trust_store", f"a TrustStore {_KEPT}"),
    Gap("codedeploy", "create_deployment_config", "a deployment group takes AWS's own configurations only"),
    Gap("codedeploy", "update_application", "a change of an application's name replaces it"),
    Gap("elasticache", "create_cache_parameter_group", f"a ParameterGroup {_KEPT}"),
    Gap("elasticache", "modify_cache_subnet_group", "a change of subnets replaces the group"),
    Gap("elasticache", "increase_replica_count", "a change of numCacheClusters replaces the replication group"),
    Gap("elasticache", "decrease_replica_count", "a change of numCacheClusters replaces the replication group"),
    Gap("iam", "add_client_id_to_open_id_connect_provider", "a change of the client ids replaces the provider"),
    Gap("logs", "associate_kms_key", "a change of a log group's key replaces it"),
    Gap("logs", "update_delivery_configuration", "a change of a log delivery replaces it"),
    Gap("rds", "reset_db_parameter_group", "a parameter taken out of a group keeps its value there"),
    Gap("ssm", "create_association", f"an Association {_KEPT}; its document is never run"),
)

UNSENT: tuple[Unsent, ...] = (
    Unsent("aws:autoscaling/group:Group", "instanceRefresh", "no refresh is started"),
    Unsent("aws:autoscaling/group:Group", "waitForCapacityTimeout", "moto's instances are there at once"),
    Unsent("aws:autoscaling/group:Group", "minElbCapacity", "nobody waits for healthy targets"),
    Unsent("aws:autoscaling/group:Group", "waitForElbCapacity", "nobody waits for healthy targets"),
    Unsent(
        "aws:acm/certificateValidation:CertificateValidation", "validationRecordFqdns", "the records are not looked up"
    ),
    Unsent("aws:cloudfront/distribution:Distribution", "waitForDeployment", "a distribution is deployed at once"),
    Unsent("aws:ebs/volume:Volume", "finalSnapshot", "no snapshot is taken when the volume is deleted"),
    Unsent("aws:ec2/instance:Instance", "volumeTags", "volumes get no tags"),
    Unsent("aws:ec2/instance:Instance", "userDataReplaceOnChange", "a change of user data always replaces"),
    Unsent("aws:elasticache/parameterGroup:ParameterGroup", "parameters", "their names and values are not checked"),
    Unsent("aws:ssm/association:Association", "waitForSuccessTimeoutSeconds", "nothing is run"),
)
