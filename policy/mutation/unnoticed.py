"""What no rule notices, and why that is so. What is not listed here, and not noticed, makes `make mutate` fail."""

from __future__ import annotations

from policy.mutation.model import Unnoticed

POLICY = "aws:iam/policy:Policy"
DATABASE = "aws:rds/instance:Instance"
MACHINE = "aws:ec2/instance:Instance"
NAMESPACE = "kubernetes:core/v1:Namespace"

_HARMLESS = (
    Unnoticed(
        type="aws:s3/bucket:Bucket",
        path="acl",
        reason="it does nothing while the bucket's owner is enforced and public ACLs are blocked; those are spoiled themselves",
    ),
    Unnoticed(
        type="aws:lb/loadBalancer:LoadBalancer",
        path="desyncMitigationMode",
        bad="gone",
        reason="AWS's default is `defensive`, which AWS FSBP ELB.12 takes",
    ),
    Unnoticed(
        type="aws:cloudfront/distribution:Distribution",
        path="defaultCacheBehavior.allowedMethods",
        reason="the bucket's policy lets the distribution read and nothing else; that is spoiled itself",
    ),
    Unnoticed(
        type=MACHINE,
        path="vpcSecurityGroupIds",
        reason="AWS takes the VPC's default group instead, which lets nothing in or out",
    ),
    Unnoticed(
        type=DATABASE,
        path="vpcSecurityGroupIds",
        reason="AWS takes the VPC's default group instead, which lets nothing in or out",
    ),
    Unnoticed(
        type=DATABASE,
        path="deleteAutomatedBackups",
        reason="it is the provider's default; what is kept is the final snapshot, which is spoiled itself",
    ),
    Unnoticed(
        type="aws:kms/key:Key",
        path="isEnabled",
        reason="a key that is switched off stops what it encrypts at once, and shows nothing to anybody",
    ),
    Unnoticed(
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        path="cidrIpv6",
        named="*-alb-from-anywhere-*",
        reason="the load balancer's 80 and 443 are open to the world as they stand",
    ),
    Unnoticed(
        type="aws:s3/bucketPolicy:BucketPolicy",
        path="policy.Statement[1].Condition",
        named="eco2-etcd-*",
        reason="the statement denies: without its condition it denies more",
    ),
    Unnoticed(
        type="aws:s3/bucketPolicy:BucketPolicy",
        path="policy.Statement[1].Condition",
        named="exchange-audit-*",
        reason="the statement denies: without its condition it denies more",
    ),
    *(
        Unnoticed(
            type="kubernetes:security.istio.io/v1:PeerAuthentication",
            path=path,
            bad=bad,
            named="exchange-*",
            reason="a tenant's namespace repeats what holds for the whole mesh: without its own, the mesh's is in force there",
        )
        for path, bad in (
            ("spec.mtls.mode", "gone"),
            ("spec.selector", "*"),
            ("metadata.namespace", "*"),
            ("@resource", "gone"),
        )
    ),
    Unnoticed(
        type=POLICY,
        path="policy.Statement[0].Action",
        named="delivery-*",
        reason="the statement denies, or is a permissions boundary, which grants nothing: more of it is not wider",
    ),
    Unnoticed(
        type=POLICY,
        path="policy.Statement[0].NotAction",
        named="delivery-*",
        reason="the statement denies, or is a permissions boundary, which grants nothing: more of it is not wider",
    ),
    Unnoticed(
        type="kubernetes:core/v1:ServiceAccount",
        path="@resource",
        named="eco2-tenant-*-parameters-account",
        reason="no pod runs as it: without it the tenant's store gets no token, and fetches nothing",
    ),
    *(
        Unnoticed(
            type="kubernetes:networking.istio.io/v1:VirtualService",
            path="spec.http[0].retries.retryOn",
            bad="5xx",
            named=named,
            reason="its first route is of GET and HEAD alone, or of no service: what changes nothing may be sent again",
        )
        for named in ("exchange-routes-*", "exchange-health-answer-*", "gateway_lab-routes-*")
    ),
    Unnoticed(
        type="kubernetes:networking.istio.io/v1:VirtualService",
        path="spec.http[0].timeout",
        named="exchange-health-answer-*",
        reason="the gateway answers itself, at once: there is nobody to wait for",
    ),
    *(
        Unnoticed(
            type="kubernetes:networking.istio.io/v1:VirtualService",
            path=path,
            named="immersiverse-routes-*",
            reason="the gateway lets the documented paths of its host through and no others, and the service takes its public "
            "methods alone, whatever leads there: both are spoiled themselves",
        )
        for path in ("spec.http[0].match", "spec.http[0].match[+]")
    ),
    Unnoticed(
        type="kubernetes:apps/v1:Deployment",
        path="spec.template.spec.containers[*].readinessProbe",
        named="eco2-ratelimit-deployment",
        reason="its Redis serves its own pod and no port; the limiter beside it, without which the pod is not ready, keeps its own",
    ),
    Unnoticed(
        type="kubernetes:core/v1:Service",
        path="spec.ports[*].appProtocol",
        reason="where it is not noticed, the port's name says what it speaks",
    ),
    Unnoticed(
        type="kubernetes:networking.istio.io/v1alpha3:EnvoyFilter",
        path="spec.configPatches[0].patch.value.typed_config.default_source_code.inline_string",
        bad="function envoy_on_request(handle) end",
        reason="without the cookie's token the authorizer refuses; what a script does is tried on a real Envoy by make verify",
    ),
    *(
        Unnoticed(
            type=type_,
            path=f"{prefix}.enableServiceLinks",
            reason="it tells a pod the names and addresses of Services, which the cluster's DNS tells it anyhow",
        )
        for type_, prefix in (
            ("kubernetes:apps/v1:Deployment", "spec.template.spec"),
            ("kubernetes:argoproj.io/v1alpha1:Rollout", "spec.template.spec"),
            ("kubernetes:apps/v1:StatefulSet", "spec.template.spec"),
            ("kubernetes:batch/v1:Job", "spec.template.spec"),
            ("kubernetes:batch/v1:CronJob", "spec.jobTemplate.spec.template.spec"),
        )
    ),
)
"""Nothing becomes worse by it, or by it alone."""

_ELSEWHERE = (
    Unnoticed(
        type=DATABASE,
        path="password",
        reason="a rule cannot tell a drawn password from a chosen one; tests/systems hold that it is a random one, and secret",
    ),
)
"""Something else notices it."""

_EXEMPTED = (
    Unnoticed(
        type="aws:s3/bucketVersioning:BucketVersioning",
        path="versioningConfiguration.status",
        reason="these buckets are exempted from s3-versioned: logs, and files that are made again",
    ),
    Unnoticed(
        type=DATABASE,
        path="backupRetentionPeriod",
        bad="0",
        reason="dev's database is exempted from rds-backed-up",
    ),
    Unnoticed(
        type=DATABASE,
        path="deletionProtection",
        bad="gone",
        reason="dev's database is exempted from rds-deletion-protection",
    ),
    Unnoticed(
        type=POLICY,
        path="policy.Statement[+]",
        bad="*s3:*",
        named="*github-actions*",
        reason="the pipeline's policy is exempted from iam-no-service-wildcard, whatever the service",
    ),
    Unnoticed(
        type=POLICY,
        path="policy.Statement[0].Action",
        named="*github-actions*",
        reason="the pipeline's policy is exempted from iam-no-service-wildcard, whatever the service",
    ),
    Unnoticed(
        type=POLICY,
        path="policy.Statement[+]",
        named="delivery-*",
        reason="the delivery's boundary and its data policy are exempted from iam-named-resources or iam-decrypt-named",
    ),
    Unnoticed(
        type=NAMESPACE,
        path='metadata.labels["pod-security.kubernetes.io/enforce"]',
        named="*tigera-operator*",
        reason="Calico's namespace is exempted from kubernetes-namespace-restricted: it enforces nothing as it stands",
    ),
    Unnoticed(
        type="kubernetes:networking.istio.io/v1:VirtualService",
        path="spec.http[0].timeout",
        named="*-chat-*",
        reason="chat's route is exempted from mesh-route-timeout: it has none as it stands",
    ),
)
"""An exemption is for a rule and a resource, and lets that rule find whatever it finds there."""

UNNOTICED: tuple[Unnoticed, ...] = (*_HARMLESS, *_ELSEWHERE, *_EXEMPTED)
