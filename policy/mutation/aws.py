"""AWS: the properties that security hangs on, and what would be bad there."""

from __future__ import annotations

from policy.mutation.model import GONE, PROTECT, RESOURCE, Mutation, spoil

ANYWHERE = "0.0.0.0/0"

EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
ANY_READER = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/*"}
ANOTHER_ACCOUNT = {
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
}
ANOTHER_ACCOUNTS_ROLE = {
    "Principal": {"AWS": "arn:aws:iam::111122223333:role/deploy"},
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
}

_NETWORK: tuple[Mutation, ...] = (
    *spoil(
        "AWS network",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"cidrIpv4": ANYWHERE, "cidrIpv6": "::/0"},
        named="*-from-*",
        also={"referencedSecurityGroupId": GONE},
    ),
    *spoil(
        "AWS network",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"ipProtocol": "-1", "fromPort": 0},
        named="*-from-anywhere-*",
        also={"toPort": 65535},
    ),
    *spoil(
        "AWS network",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"fromPort": (22, 3389)},
        named="*-from-anywhere-*",
        also={"toPort": 3389},
    ),
    *spoil(
        "AWS network",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        {"fromPort": 0, "ipProtocol": "-1"},
        named="*-to-anywhere-*",
        also={"toPort": 65535},
    ),
    *spoil(
        "AWS network",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        {"cidrIpv4": ANYWHERE},
        also={"referencedSecurityGroupId": GONE},
    ),
    *spoil(
        "AWS network",
        "aws:ec2/securityGroup:SecurityGroup",
        {
            "ingress": [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": [ANYWHERE]}],
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": [ANYWHERE]}],
        },
    ),
    *spoil(
        "AWS network",
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {
            "ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}],
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": [ANYWHERE]}],
            RESOURCE: GONE,
        },
    ),
    *spoil("AWS network", "aws:ec2/subnet:Subnet", {"mapPublicIpOnLaunch": True, "assignIpv6AddressOnCreation": True}),
    *spoil("AWS network", "aws:ec2/flowLog:FlowLog", {"trafficType": ("ACCEPT", "REJECT"), RESOURCE: GONE}),
    *spoil(
        "AWS network",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "policy": GONE,
            "policy.Statement[0].Condition": GONE,
            'policy.Statement[0].Condition.StringEquals["aws:PrincipalAccount"]': ("*", "111122223333"),
        },
    ),
    *spoil(
        "AWS network", "aws:ec2/vpcEndpoint:VpcEndpoint", {"privateDnsEnabled": False, RESOURCE: GONE}, named="*-ssm*"
    ),
)

_EDGE: tuple[Mutation, ...] = (
    *spoil(
        "AWS edge",
        "aws:lb/loadBalancer:LoadBalancer",
        {
            "dropInvalidHeaderFields": (False, GONE),
            "desyncMitigationMode": ("monitor", GONE),
            "accessLogs.enabled": False,
            "accessLogs": GONE,
            "enableDeletionProtection": False,
        },
    ),
    *spoil(
        "AWS edge",
        "aws:lb/listener:Listener",
        {"sslPolicy": ("ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS-1-0-2015-04", GONE), "protocol": "HTTP"},
        named="*-https",
    ),
    *spoil(
        "AWS edge",
        "aws:lb/listener:Listener",
        {"defaultActions[0]": {"type": "forward", "targetGroupArn": "arn:aws:elasticloadbalancing:…"}},
        named="*-http",
    ),
    *spoil("AWS edge", "aws:lb/listener:Listener", {"defaultActions[0].redirect.protocol": "HTTP"}, named="*-http"),
    *spoil(
        "AWS edge",
        "aws:lb/listenerRule:ListenerRule",
        {"actions[0].type": "forward", "priority": 1_000, "conditions[0].pathPattern.values": ["/x"], RESOURCE: GONE},
        named="*-refuse-*",
    ),
    *spoil(
        "AWS edge",
        "aws:lb/listenerRule:ListenerRule",
        {"conditions[0].pathPattern": {"values": ["/api/users/*"]}},
        named="*-forward-api-users",
    ),
    *spoil(
        "AWS edge",
        "aws:cloudfront/distribution:Distribution",
        {
            "viewerCertificate.minimumProtocolVersion": ("TLSv1", "TLSv1.1_2016", "SSLv3"),
            "defaultCacheBehavior.viewerProtocolPolicy": "allow-all",
            "defaultCacheBehavior.responseHeadersPolicyId": GONE,
            "orderedCacheBehaviors": [{"pathPattern": "/x/*", "viewerProtocolPolicy": "allow-all"}],
            "viewerCertificate": {"cloudfrontDefaultCertificate": True},
            "origins[0].originAccessControlId": GONE,
            "origins[0].customOriginConfig": {
                "originProtocolPolicy": "http-only",
                "httpPort": 80,
                "httpsPort": 443,
                "originSslProtocols": ["SSLv3"],
            },
            "defaultCacheBehavior.allowedMethods": [
                "GET",
                "HEAD",
                "OPTIONS",
                "PUT",
                "POST",
                "PATCH",
                "DELETE",
            ],
        },
    ),
    *spoil(
        "AWS edge",
        "aws:cloudfront/originAccessControl:OriginAccessControl",
        {"signingBehavior": ("never", "no-override")},
    ),
    *spoil(
        "AWS edge",
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        {
            "securityHeadersConfig": GONE,
            "securityHeadersConfig.strictTransportSecurity": GONE,
            "securityHeadersConfig.strictTransportSecurity.accessControlMaxAgeSec": 300,
            "securityHeadersConfig.contentTypeOptions": GONE,
            "securityHeadersConfig.frameOptions": GONE,
            "securityHeadersConfig.frameOptions.frameOption": "SAMEORIGIN",
            "securityHeadersConfig.referrerPolicy.referrerPolicy": "unsafe-url",
            "securityHeadersConfig.contentSecurityPolicy": GONE,
            "securityHeadersConfig.contentSecurityPolicy.contentSecurityPolicy": (
                "default-src *",
                "default-src 'self'; script-src 'self' 'unsafe-inline'",
                "default-src 'self'; script-src 'self' https:",
                "default-src 'self'; frame-ancestors *",
            ),
        },
    ),
    *spoil(
        "AWS edge",
        "aws:wafv2/webAcl:WebAcl",
        {
            "rules": [],
            "rules[0].action": {"count": {}},
            "rules[1].overrideAction": {"count": {}},
            "rules[2].overrideAction": {"count": {}},
            "rules[3].overrideAction": {"count": {}},
            "rules[1]": GONE,
            "rules[2]": GONE,
            "rules[3]": GONE,
            "rules[0].statement.rateBasedStatement.limit": 2_000_000_000,
            "rules[0].statement.rateBasedStatement.evaluationWindowSec": 60,
            "rules[0].statement.rateBasedStatement.scopeDownStatement": {
                "byteMatchStatement": {"searchString": "/x", "positionalConstraint": "STARTS_WITH"}
            },
            "rules[3].statement.managedRuleGroupStatement.ruleActionOverrides[+]": (
                {"actionToUse": {"allow": {}}, "name": "CrossSiteScripting_BODY"},
                {"actionToUse": {"count": {}}, "name": "GenericLFI_URIPATH"},
            ),
            "rules[4]": GONE,
            "rules[4].action": {"count": {}},
            "rules[4].statement.andStatement.statements[0].orStatement.statements[*]": GONE,
            "rules[4].statement.andStatement.statements[1].notStatement.statement.byteMatchStatement.searchString": "/",
            "visibilityConfig.cloudwatchMetricsEnabled": False,
        },
    ),
    *spoil("AWS edge", "aws:wafv2/webAclAssociation:WebAclAssociation", {RESOURCE: GONE}),
    *spoil(
        "AWS edge",
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        {"redactedFields": [], "redactedFields[*]": GONE, RESOURCE: GONE},
    ),
    *spoil("AWS edge", "aws:cloudwatch/logDelivery:LogDelivery", {RESOURCE: GONE}),
    *spoil("AWS edge", "aws:acm/certificate:Certificate", {"validationMethod": "EMAIL", "keyAlgorithm": "RSA_1024"}),
    *spoil("AWS edge", "aws:route53/zone:Zone", {"forceDestroy": True, PROTECT: False}),
)

_IDENTITY: tuple[Mutation, ...] = (
    *spoil(
        "AWS identity",
        "aws:iam/policy:Policy",
        {
            "policy.Statement[+]": EVERYTHING,
            "policy.Statement[0].Action": "*",
            "policy.Statement[0].NotAction": ["iam:CreateUser"],
        },
    ),
    *spoil(
        "AWS identity",
        "aws:iam/policy:Policy",
        {
            "policy.Statement[+]": (
                {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"},
                {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"},
                {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"},
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
                {"Effect": "Allow", "Action": "iam:AttachRolePolicy", "Resource": "*"},
            ),
        },
    ),
    *spoil("AWS identity", "aws:iam/rolePolicy:RolePolicy", {"policy.Statement[+]": EVERYTHING}),
    *spoil(
        "AWS identity",
        "aws:iam/role:Role",
        {
            "assumeRolePolicy.Statement[+]": (EVERYBODY, ANOTHER_ACCOUNT, ANOTHER_ACCOUNTS_ROLE),
            "inlinePolicies": [
                {"name": "all", "policy": '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'}
            ],
            "managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"],
        },
    ),
    *spoil("AWS identity", "aws:iam/role:Role", {"assumeRolePolicy.Statement[0].Condition": GONE}, named="*-flow-logs"),
    *spoil(
        "AWS identity", "aws:iam/role:Role", {"assumeRolePolicy.Statement[0].Condition": GONE}, named="*codedeploy*"
    ),
    *spoil(
        "AWS identity",
        "aws:iam/role:Role",
        {
            "assumeRolePolicy.Statement[0].Condition": GONE,
            'assumeRolePolicy.Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"]': GONE,
            'assumeRolePolicy.Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]': (
                GONE,
                "*",
                "repo:*",
                "repo:OrangesCloud/*",
            ),
        },
        named="*github-actions*",
    ),
    *spoil(
        "AWS identity",
        "aws:iam/role:Role",
        {
            "assumeRolePolicy.Statement[0].Condition": GONE,
            'assumeRolePolicy.Statement[0].Condition.StringEquals["oidc.eco2.example.com:aud"]': GONE,
            'assumeRolePolicy.Statement[0].Condition.StringEquals["oidc.eco2.example.com:sub"]': GONE,
        },
        named="eco2-role-*",
    ),
    *spoil(
        "AWS identity",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {
            "policyArn": (
                "arn:aws:iam::aws:policy/AdministratorAccess",
                "arn:aws:iam::aws:policy/PowerUserAccess",
                "arn:aws:iam::aws:policy/IAMFullAccess",
            )
        },
        named="*-role-*",
    ),
    *spoil("AWS identity", "aws:iam/openIdConnectProvider:OpenIdConnectProvider", {"clientIdLists[+]": "*"}),
)

_MACHINES: tuple[Mutation, ...] = (
    *spoil(
        "AWS machines",
        "aws:ec2/instance:Instance",
        {
            "metadataOptions.httpTokens": ("optional", GONE),
            "metadataOptions.httpPutResponseHopLimit": 5,
            "rootBlockDevice.encrypted": (False, GONE),
            "associatePublicIpAddress": True,
            "keyName": "admin",
            "iamInstanceProfile": GONE,
            "vpcSecurityGroupIds": [],
        },
    ),
    *spoil(
        "AWS machines",
        "aws:ec2/instance:Instance",
        {"disableApiTermination": False, PROTECT: False},
        named="*-master-*",
    ),
    *spoil(
        "AWS machines",
        "aws:ec2/launchTemplate:LaunchTemplate",
        {
            "metadataOptions.httpTokens": ("optional", GONE),
            "metadataOptions": GONE,
            "metadataOptions.httpPutResponseHopLimit": 5,
            "blockDeviceMappings[0].ebs.encrypted": ("false", GONE),
            "keyName": "admin",
            "imageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
            "networkInterfaces": [{"associatePublicIpAddress": "true"}],
        },
    ),
    *spoil(
        "AWS machines",
        "aws:autoscaling/group:Group",
        {
            "healthCheckType": "EC2",
            "launchTemplate.version": ("$Latest", "$Default"),
            "instanceRefresh": GONE,
            "instanceRefresh.preferences.autoRollback": False,
        },
    ),
    *spoil(
        "AWS machines",
        "aws:codedeploy/deploymentGroup:DeploymentGroup",
        {
            "autoRollbackConfiguration.enabled": False,
            "autoRollbackConfiguration": GONE,
            "alarmConfiguration.enabled": False,
            "alarmConfiguration": GONE,
        },
    ),
    *spoil(
        "AWS machines",
        "aws:ssm/document:Document",
        {"permissions": {"type": "Share", "accountIds": "All"}},
    ),
)

_STORAGE: tuple[Mutation, ...] = (
    *spoil(
        "AWS storage",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {
            "blockPublicAcls": False,
            "blockPublicPolicy": False,
            "ignorePublicAcls": False,
            "restrictPublicBuckets": (False, GONE),
            RESOURCE: GONE,
        },
    ),
    *spoil(
        "AWS storage",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {"rules": [], RESOURCE: GONE},
    ),
    *spoil(
        "AWS storage",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"rule.objectOwnership": "ObjectWriter", RESOURCE: GONE},
    ),
    *spoil(
        "AWS storage",
        "aws:s3/bucketPolicy:BucketPolicy",
        {
            "policy.Statement[+]": (
                ANY_READER,
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:*", "Resource": "*"},
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                    "Action": "s3:*",
                    "Resource": "*",
                },
            ),
            "policy.Statement[0]": GONE,
            "policy.Statement[0].Effect": "Allow",
            RESOURCE: GONE,
        },
    ),
    *spoil(
        "AWS storage",
        "aws:s3/bucketPolicy:BucketPolicy",
        {"policy.Statement[1].Condition": GONE},
    ),
    *spoil(
        "AWS storage",
        "aws:s3/bucketVersioning:BucketVersioning",
        {"versioningConfiguration.status": ("Suspended", "Disabled"), RESOURCE: GONE},
    ),
    *spoil("AWS storage", "aws:s3/bucketLogging:BucketLogging", {RESOURCE: GONE}),
    *spoil("AWS storage", "aws:s3/bucket:Bucket", {"forceDestroy": True, "acl": "public-read", PROTECT: False}),
    *spoil("AWS storage", "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", {RESOURCE: GONE}),
    *spoil("AWS storage", "aws:s3/bucketObjectv2:BucketObjectv2", {"acl": "public-read"}),
    *spoil(
        "AWS storage",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        {"policy.rules[0].selection.tagStatus": "any", RESOURCE: GONE},
    ),
    *spoil(
        "AWS storage",
        "aws:ecr/repository:Repository",
        {
            "imageTagMutability": ("MUTABLE", GONE),
            "imageScanningConfiguration.scanOnPush": False,
            "imageScanningConfiguration": GONE,
            "forceDelete": True,
            PROTECT: False,
        },
    ),
)

_DATA: tuple[Mutation, ...] = (
    *spoil(
        "AWS data",
        "aws:rds/instance:Instance",
        {
            "storageEncrypted": (False, GONE),
            "publiclyAccessible": True,
            "backupRetentionPeriod": (0, 1),
            "deletionProtection": (False, GONE),
            "skipFinalSnapshot": True,
            "multiAz": False,
            "autoMinorVersionUpgrade": False,
            "enabledCloudwatchLogsExports": [],
            "copyTagsToSnapshot": False,
            "caCertIdentifier": "rds-ca-2019",
            "parameterGroupName": "default.postgres17",
            "vpcSecurityGroupIds": [],
            "username": "postgres",
            "password": "postgres",
            "deleteAutomatedBackups": True,
            PROTECT: False,
        },
    ),
    *spoil(
        "AWS data",
        "aws:rds/parameterGroup:ParameterGroup",
        {"parameters[0].value": "0", "parameters[0]": GONE, "parameters[1].value": "md5", "parameters": []},
    ),
    *spoil(
        "AWS data",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        {
            "atRestEncryptionEnabled": (False, GONE),
            "transitEncryptionEnabled": (False, GONE),
            "transitEncryptionMode": "preferred",
            "authToken": GONE,
            "snapshotRetentionLimit": 0,
            "automaticFailoverEnabled": False,
            "multiAzEnabled": False,
            "autoMinorVersionUpgrade": False,
            "subnetGroupName": GONE,
            PROTECT: False,
        },
    ),
)

_OPERATIONS: tuple[Mutation, ...] = (
    *spoil(
        "AWS operations",
        "aws:kms/key:Key",
        {
            "enableKeyRotation": (False, GONE),
            "deletionWindowInDays": 7,
            "isEnabled": False,
            "policy.Statement[0].Principal": "*",
            "policy.Statement[+]": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"},
            PROTECT: False,
        },
    ),
    *spoil("AWS operations", "aws:ssm/parameter:Parameter", {"keyId": GONE}),
    *spoil("AWS operations", "aws:ssm/parameter:Parameter", {"type": "String"}, named="*-password*"),
    *spoil("AWS operations", "aws:ssm/parameter:Parameter", {"type": "String"}, named="*-secret*"),
    *spoil("AWS operations", "aws:sns/topic:Topic", {"kmsMasterKeyId": GONE}),
    *spoil(
        "AWS operations",
        "aws:sns/topic:Topic",
        {"policy": '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:*", "Resource": "*"}]}'},
    ),
    *spoil("AWS operations", "aws:cloudwatch/logGroup:LogGroup", {"kmsKeyId": GONE, "retentionInDays": (0, 1, GONE)}),
    *spoil(
        "AWS operations",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {"alarmActions": [], "actionsEnabled": False},
    ),
    *spoil(
        "AWS operations",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        {"treatMissingData": ("notBreaching", "ignore", "missing", GONE)},
        named="*-no-healthy-*",
    ),
)

MUTATIONS: tuple[Mutation, ...] = (
    *_NETWORK,
    *_EDGE,
    *_IDENTITY,
    *_MACHINES,
    *_STORAGE,
    *_DATA,
    *_OPERATIONS,
)
