"""What a refresh reads of the stack: how its resources are set up, by the services that it has, and none of their contents.

The actions are those that CloudFormation's schemas name for reading these types, and what the Terraform provider asks beside them;
`tests/systems/test_delivery_reads.py` holds the list to what AWS says of each, and to the types that both stacks register.
"""

from __future__ import annotations

from collections.abc import Mapping

LISTED: Mapping[str, str] = {
    "acm": "DescribeCertificate ListTagsForCertificate",
    "autoscaling": "DescribeAutoScalingGroups DescribeInstanceRefreshes DescribeLifecycleHooks DescribePolicies DescribeTags "
    "DescribeWarmPool",
    "cloudfront": "ListDistributions ListTagsForResource",
    "cloudwatch": "DescribeAlarms ListTagsForResource",
    "codedeploy": "ListTagsForResource",
    "ec2": "DescribeAccountAttributes DescribeAddresses DescribeAddressesAttribute DescribeAvailabilityZones DescribeFlowLogs "
    "DescribeIamInstanceProfileAssociations DescribeImages DescribeInstanceAttribute DescribeInstanceCreditSpecifications "
    "DescribeInstanceTypes DescribeInstances DescribeInternetGateways DescribeLaunchTemplateVersions DescribeLaunchTemplates "
    "DescribeManagedPrefixLists DescribeNatGateways DescribeNetworkAcls DescribeNetworkInterfaces DescribePrefixLists "
    "DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups DescribeSubnets DescribeTags DescribeVolumes "
    "DescribeVpcAttribute DescribeVpcEndpointServices DescribeVpcEndpoints DescribeVpcs",
    "ecr": "DescribeRepositories ListTagsForResource",
    "elasticache": "DescribeCacheClusters DescribeCacheParameterGroups DescribeCacheParameters DescribeCacheSubnetGroups "
    "DescribeReplicationGroups ListTagsForResource",
    "elasticloadbalancing": "DescribeCapacityReservation DescribeListenerAttributes DescribeListenerCertificates DescribeListeners "
    "DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeRules DescribeTags DescribeTargetGroupAttributes "
    "DescribeTargetGroups DescribeTargetHealth",
    "iam": "ListAttachedRolePolicies ListEntitiesForPolicy ListInstanceProfilesForRole ListPolicyVersions ListRolePolicies",
    "kms": "DescribeKey ListAliases ListResourceTags",
    "logs": "DescribeIndexPolicies DescribeLogGroups DescribeResourcePolicies ListTagsForResource",
    "rds": "DescribeDBInstances DescribeDBParameterGroups DescribeDBParameters DescribeDBSubnetGroups ListTagsForResource",
    "route53": "ListHostedZones ListQueryLoggingConfigs ListResourceRecordSets ListTagsForResource",
    "sns": "ListSubscriptionsByTopic ListTagsForResource",
    "ssm": "DescribeAssociation DescribeDocument DescribeDocumentPermission DescribeParameters ListAssociations "
    "ListTagsForResource",
    "wafv2": "ListTagsForResource",
}
"""Actions that only list or describe, on whatever there is."""

NAMED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "codedeploy": ("GetApplication GetDeploymentGroup", ("application:{}-*", "deploymentgroup:{}-*/*")),
    "ecr": ("GetLifecyclePolicy GetRepositoryPolicy", ("repository/{}-*",)),
    "kms": ("GetKeyPolicy GetKeyRotationStatus", ("key/*",)),
    "sns": ("GetDataProtectionPolicy GetSubscriptionAttributes GetTopicAttributes", ("{}-*",)),
    "ssm": ("GetDocument", ("document/{}-*",)),
    "wafv2": ("GetLoggingConfiguration GetWebACL GetWebACLForResource", ("regional/webacl/{}-*",)),
}
"""Actions on what is named after the stack (`{}` is each of its names), in its region; keys have no names."""

GLOBAL: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "cloudfront": (
        "GetDistribution GetDistributionConfig GetOriginAccessControl GetResponseHeadersPolicy",
        ("distribution/*", "origin-access-control/*", "response-headers-policy/*"),
    ),
    "iam": (
        "GetInstanceProfile GetOpenIDConnectProvider GetPolicy GetPolicyVersion GetRole GetRolePolicy",
        ("role/{}-*", "policy/{}-*", "instance-profile/{}-*", "oidc-provider/*"),
    ),
}
"""The same of services without a region. AWS names what CloudFront has."""

BUCKETS = (
    "GetAccelerateConfiguration GetBucket* GetEncryptionConfiguration GetLifecycleConfiguration "
    "GetReplicationConfiguration ListBucket"
)
"""How buckets are set up; `ListBucket` also says the names of their objects."""
