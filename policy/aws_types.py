"""The type tokens of the AWS resources that rules look at."""

from __future__ import annotations

ACCESS_CONTROL = "aws:cloudfront/originAccessControl:OriginAccessControl"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
AUTO_SCALING_GROUP = "aws:autoscaling/group:Group"
BUCKET = "aws:s3/bucket:Bucket"
BUCKET_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
BUCKET_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
BUCKET_LOGGING = "aws:s3/bucketLogging:BucketLogging"
BUCKET_OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
BUCKET_OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
BUCKET_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
CACHE_SUBNETS = "aws:elasticache/subnetGroup:SubnetGroup"
CERTIFICATE = "aws:acm/certificate:Certificate"
CERTIFICATE_VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
DATABASE = "aws:rds/instance:Instance"
DATABASE_PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
DATABASE_SUBNETS = "aws:rds/subnetGroup:SubnetGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
DEPLOYMENT_GROUP = "aws:codedeploy/deploymentGroup:DeploymentGroup"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
DOCUMENT = "aws:ssm/document:Document"
EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
HEADERS = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
IDENTITY_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "aws:ec2/instance:Instance"
KEY = "aws:kms/key:Key"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LOG_DELIVERY = "aws:cloudwatch/logDelivery:LogDelivery"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
LOG_SOURCE = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
PARAMETER = "aws:ssm/parameter:Parameter"
POLICY = "aws:iam/policy:Policy"
POLICY_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
REPOSITORY = "aws:ecr/repository:Repository"
REPOSITORY_LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
SUBNET = "aws:ec2/subnet:Subnet"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
TOPIC = "aws:sns/topic:Topic"
VPC = "aws:ec2/vpc:Vpc"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
WEB_ACL_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
WEB_ACL_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"
ZONE = "aws:route53/zone:Zone"

TAGGED = frozenset(
    {
        ALARM,
        AUTO_SCALING_GROUP,
        BUCKET,
        CACHE,
        CERTIFICATE,
        DATABASE,
        DISTRIBUTION,
        FLOW_LOG,
        INSTANCE,
        KEY,
        LAUNCH_TEMPLATE,
        LISTENER,
        LOAD_BALANCER,
        LOG_GROUP,
        PARAMETER,
        POLICY,
        REPOSITORY,
        ROLE,
        SECURITY_GROUP,
        SUBNET,
        TOPIC,
        VPC,
        WEB_ACL,
        ZONE,
    }
)
"""What is found by its tags."""
