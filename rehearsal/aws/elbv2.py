"""Application and network load balancers."""

from __future__ import annotations

from collections.abc import Mapping

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import known, matches, rules, within
from rehearsal.provider import Rejected
from rehearsal.values import Props

_NAME = matches(
    "name", r"(?!internal-)[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?", "at most 32 letters, digits, hyphens"
)


def _listener(inputs: Props) -> None:
    secure = known(inputs, "protocol") in ("HTTPS", "TLS")
    if secure and "certificateArn" not in inputs:
        raise Rejected(f"certificateArn: a listener on {inputs['protocol']} needs one")
    if known(inputs, "protocol") in ("HTTP", "TCP") and (inputs.get("certificateArn") or inputs.get("sslPolicy")):
        raise Rejected(f"protocol: {inputs['protocol']} takes neither a certificateArn nor an sslPolicy")
    _actions(inputs, "defaultActions")


_PART = {"redirect": "redirect", "fixed-response": "fixedResponse"}


def _actions(inputs: Props, key: str) -> None:
    for index, action in enumerate(known(inputs, key) or []):
        kind = action.get("type")
        if kind in _PART and not action.get(_PART[kind]):
            raise Rejected(f"{key}[{index}]: {kind} needs a block {_PART[kind]}")
        if kind == "forward" and not (action.get("targetGroupArn") or action.get("forward")):
            raise Rejected(f"{key}[{index}]: forward needs a targetGroupArn")


def _rule(inputs: Props) -> None:
    if "conditions" in inputs and known(inputs, "conditions") == []:
        raise Rejected("conditions: a rule has at least one")
    _actions(inputs, "actions")


def _health_check(inputs: Props) -> None:
    check = known(inputs, "healthCheck") or {}
    for key, low, high in (
        ("interval", 5, 300),
        ("timeout", 2, 120),
        ("healthyThreshold", 2, 10),
        ("unhealthyThreshold", 2, 10),
    ):
        if isinstance(check.get(key), int) and not low <= check[key] <= high:
            raise Rejected(f"healthCheck.{key}: {check[key]} is not between {low} and {high}")
    if (
        isinstance(check.get("timeout"), int)
        and isinstance(check.get("interval"), int)
        and check["timeout"] >= check["interval"]
    ):
        raise Rejected(f"healthCheck.timeout: {check['timeout']} must be less than the interval, {check['interval']}")


def _attributes(keys: Mapping[str, str]) -> str:
    """Inputs as the [{Key, Value}] that the attribute calls take, those that are not given left out."""
    return (
        "[" + ", ".join(f"{{Key: '{name}', Value: inputs.{path}}}" for path, name in keys.items()) + "][?Value!=null]"
    )


def _attribute(name: str) -> str:
    return f"seen.attributes[?Key=='{name}'].Value | [0]"


def _observed(keys: Mapping[str, str]) -> dict[str, str]:
    """Where the attributes show each input; those of a block (`accessLogs.bucket`) together as that block."""
    blocks: dict[str, list[str]] = {}
    for path, name in keys.items():
        block, _, part = path.partition(".")
        blocks.setdefault(block, []).append(f"{part}: {_attribute(name)}" if part else _attribute(name))
    return {key: f"{{{', '.join(parts)}}}" if ": " in parts[0] else parts[0] for key, parts in blocks.items()}


_LOAD_BALANCER = {
    "enableDeletionProtection": "deletion_protection.enabled",
    "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
    "idleTimeout": "idle_timeout.timeout_seconds",
    "enableHttp2": "routing.http2.enabled",
    "desyncMitigationMode": "routing.http.desync_mitigation_mode",
    "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
    "enableXffClientPort": "routing.http.xff_client_port.enabled",
    "preserveHostHeader": "routing.http.preserve_host_header.enabled",
    "enableTlsVersionAndCipherSuiteHeaders": "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    "enableWafFailOpen": "waf.fail_open.enabled",
    "enableZonalShift": "zonal_shift.config.enabled",
    "enableCrossZoneLoadBalancing": "load_balancing.cross_zone.enabled",
    "clientKeepAlive": "client_keep_alive.seconds",
    "dnsRecordClientRoutingPolicy": "dns_record.client_routing_policy",
    "accessLogs.enabled": "access_logs.s3.enabled",
    "accessLogs.bucket": "access_logs.s3.bucket",
    "accessLogs.prefix": "access_logs.s3.prefix",
    "connectionLogs.enabled": "connection_logs.s3.enabled",
    "connectionLogs.bucket": "connection_logs.s3.bucket",
    "connectionLogs.prefix": "connection_logs.s3.prefix",
}
_TARGET_GROUP = {
    "deregistrationDelay": "deregistration_delay.timeout_seconds",
    "slowStart": "slow_start.duration_seconds",
    "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
    "loadBalancingAnomalyMitigation": "load_balancing.algorithm.anomaly_mitigation",
    "loadBalancingCrossZoneEnabled": "load_balancing.cross_zone.enabled",
    "preserveClientIp": "preserve_client_ip.enabled",
    "proxyProtocolV2": "proxy_protocol_v2.enabled",
    "connectionTermination": "deregistration_delay.connection_termination.enabled",
    "stickiness.enabled": "stickiness.enabled",
    "stickiness.type": "stickiness.type",
    "stickiness.cookieDuration": "stickiness.lb_cookie.duration_seconds",
}
_HEALTH_CHECK = {
    "HealthCheckEnabled": "inputs.healthCheck.enabled",
    "HealthCheckPath": "inputs.healthCheck.path",
    "HealthCheckPort": "inputs.healthCheck.port",
    "HealthCheckProtocol": "inputs.healthCheck.protocol",
    "HealthCheckIntervalSeconds": "inputs.healthCheck.interval",
    "HealthCheckTimeoutSeconds": "inputs.healthCheck.timeout",
    "HealthyThresholdCount": "inputs.healthCheck.healthyThreshold",
    "UnhealthyThresholdCount": "inputs.healthCheck.unhealthyThreshold",
    "Matcher": "{HttpCode: inputs.healthCheck.matcher}",
}
_ACTION_NAMES = {
    "redirect": "RedirectConfig",
    "fixedResponse": "FixedResponseConfig",
    "forward": "ForwardConfig",
    "stickiness": "TargetGroupStickinessConfig",
    "duration": "DurationSeconds",
    "arn": "TargetGroupArn",
    "authenticateOidc": "AuthenticateOidcConfig",
    "authenticateCognito": "AuthenticateCognitoConfig",
    "jwtValidation": "JwtValidationConfig",
    "priority": "Priority",
}
# moto wants Values where AWS takes either them or RegexValues.
_PATHS = "pathPattern && {Values: pathPattern.values || pathPattern.regexValues, RegexValues: pathPattern.regexValues}"
_CONDITIONS = (
    "inputs.conditions[].{Field: pathPattern && 'path-pattern' || hostHeader && 'host-header'"
    " || httpHeader && 'http-header' || httpRequestMethod && 'http-request-method' || sourceIp && 'source-ip'"
    f" || 'query-string', PathPatternConfig: {_PATHS}, HostHeaderConfig: hostHeader, HttpHeaderConfig: httpHeader,"
    " HttpRequestMethodConfig: httpRequestMethod, SourceIpConfig: sourceIp,"
    " QueryStringConfig: queryStrings && {Values: queryStrings}}"
)
_CERTIFICATES = "inputs.certificateArn && [{CertificateArn: inputs.certificateArn}]"
_TARGET = "[{Id: inputs.targetId, Port: inputs.port, AvailabilityZone: inputs.availabilityZone}]"

SERVICE = AwsService(
    client="elbv2",
    retag=call("add_tags", ResourceArns="[id]", Tags="tags"),
    untag=call("remove_tags", ResourceArns="[id]", TagKeys="removed"),
    tags=call("describe_tags", ResourceArns="[id]", result="TagDescriptions[0].Tags"),
    types={
        "aws:lb/loadBalancer:LoadBalancer": AwsType(
            create=create(
                "create_load_balancer",
                Scheme="inputs.internal && 'internal' || 'internet-facing'",
                result="LoadBalancers[0]",
            ),
            id="answer.LoadBalancerArn",
            taken=call("describe_load_balancers", Names="[inputs.name]", result="LoadBalancers[0]"),
            refuse={
                "an application load balancer needs subnets in at least two availability zones, one in each": call(
                    "describe_subnets",
                    service="ec2",
                    SubnetIds="inputs.subnets",
                    when="inputs.subnets && inputs.loadBalancerType != 'network'",
                    result=(
                        "length(unique(Subnets[].AvailabilityZone)) < `2`"
                        " || length(unique(Subnets[].AvailabilityZone)) < length(Subnets)"
                    ),
                )
            },
            read=call("describe_load_balancers", LoadBalancerArns="[id]", result="LoadBalancers[0]"),
            also={"attributes": call("describe_load_balancer_attributes", LoadBalancerArn="id", result="Attributes")},
            settle=(
                call("modify_load_balancer_attributes", LoadBalancerArn="id", Attributes=_attributes(_LOAD_BALANCER)),
            ),
            update=(
                call("set_subnets", LoadBalancerArn="id", Subnets="inputs.subnets"),
                call("set_security_groups", LoadBalancerArn="id", SecurityGroups="inputs.securityGroups"),
                call("set_ip_address_type", LoadBalancerArn="id", IpAddressType="inputs.ipAddressType"),
            ),
            protected=f"({_attribute('deletion_protection.enabled')}) == 'true'",
            delete=call("delete_load_balancer", LoadBalancerArn="id"),
            names={"name": "Name", "loadBalancerType": "Type"},
            observe={
                **_observed(_LOAD_BALANCER),
                "name": "seen.LoadBalancerName",
                "internal": "seen.Scheme == 'internal'",
                "subnets": "seen.AvailabilityZones[].SubnetId",
            },
            outputs={
                "arn": "id",
                "arnSuffix": "after(id, 'loadbalancer/')",
                "dnsName": "seen.DNSName",
                "zoneId": "seen.CanonicalHostedZoneId",
                "vpcId": "seen.VpcId",
            },
            check=rules(_NAME, within("idleTimeout", 1, 4000)),
        ),
        "aws:lb/targetGroup:TargetGroup": AwsType(
            create=create("create_target_group", **_HEALTH_CHECK, result="TargetGroups[0]"),
            id="answer.TargetGroupArn",
            taken=call("describe_target_groups", Names="[inputs.name]", result="TargetGroups[0]"),
            read=call("describe_target_groups", TargetGroupArns="[id]", result="TargetGroups[0]"),
            also={"attributes": call("describe_target_group_attributes", TargetGroupArn="id", result="Attributes")},
            settle=(
                call("modify_target_group_attributes", TargetGroupArn="id", Attributes=_attributes(_TARGET_GROUP)),
            ),
            update=(call("modify_target_group", TargetGroupArn="id", **_HEALTH_CHECK),),
            delete=call("delete_target_group", TargetGroupArn="id"),
            observe={
                **_observed(_TARGET_GROUP),
                "name": "seen.TargetGroupName",
                "healthCheck": (
                    "{enabled: seen.HealthCheckEnabled, path: seen.HealthCheckPath, port: seen.HealthCheckPort,"
                    " protocol: seen.HealthCheckProtocol, interval: seen.HealthCheckIntervalSeconds,"
                    " timeout: seen.HealthCheckTimeoutSeconds, healthyThreshold: seen.HealthyThresholdCount,"
                    " unhealthyThreshold: seen.UnhealthyThresholdCount, matcher: seen.Matcher.HttpCode}"
                ),
            },
            outputs={"arn": "id", "arnSuffix": "after(id, ':targetgroup/') | join('/', ['targetgroup', @])"},
            check=rules(_NAME, _health_check, within("deregistrationDelay", 0, 3600), within("port", 1, 65535)),
        ),
        "aws:lb/listener:Listener": AwsType(
            create=create("create_listener", Certificates=_CERTIFICATES, result="Listeners[0]"),
            id="answer.ListenerArn",
            taken=call(
                "describe_listeners",
                LoadBalancerArn="inputs.loadBalancerArn",
                result="Listeners[?Port==$inputs.port] | [0]",
            ),
            read=call("describe_listeners", ListenerArns="[id]", result="Listeners[0]"),
            update=(create("modify_listener", ListenerArn="id", Certificates=_CERTIFICATES),),
            delete=call("delete_listener", ListenerArn="id"),
            names=_ACTION_NAMES,
            observe={"certificateArn": "seen.Certificates[0].CertificateArn"},
            outputs={"arn": "id"},
            check=rules(_listener, within("port", 1, 65535)),
        ),
        "aws:lb/trustStore:TrustStore": AwsType(
            create=create("create_trust_store", result="TrustStores[0]"),
            id=(
                "join('', ['arn:aws:elasticloadbalancing:', region, ':', account, ':truststore/', inputs.name, '/', token])"
            ),
            kept="moto has no trust stores",
            fixed=frozenset({"name"}),
            outputs={"arn": "id"},
            check=rules(_NAME),
        ),
        "aws:lb/listenerRule:ListenerRule": AwsType(
            create=create("create_rule", Conditions=_CONDITIONS, result="Rules[0]"),
            id="answer.RuleArn",
            read=call("describe_rules", RuleArns="[id]", result="Rules[0]"),
            update=(
                call("modify_rule", RuleArn="id", Conditions=_CONDITIONS, Actions="inputs.actions"),
                call("set_rule_priorities", RulePriorities="[{RuleArn: id, Priority: inputs.priority}]"),
            ),
            delete=call("delete_rule", RuleArn="id"),
            names=_ACTION_NAMES,
            observe={
                "conditions": (
                    "seen.Conditions[].{pathPattern: PathPatternConfig && {values: !(PathPatternConfig.RegexValues)"
                    " && PathPatternConfig.Values || null, regexValues: PathPatternConfig.RegexValues},"
                    " hostHeader: HostHeaderConfig, httpHeader:"
                    " HttpHeaderConfig, httpRequestMethod: HttpRequestMethodConfig, sourceIp: SourceIpConfig,"
                    " queryStrings: QueryStringConfig.Values}"
                ),
            },
            outputs={"arn": "id"},
            check=rules(_rule, within("priority", 1, 50000)),
        ),
        "aws:lb/targetGroupAttachment:TargetGroupAttachment": AwsType(
            create=call("register_targets", TargetGroupArn="inputs.targetGroupArn", Targets=_TARGET),
            id="join('-', [inputs.targetGroupArn, inputs.targetId, to_string(inputs.port || 'default')])",
            read=call(
                "describe_target_health",
                TargetGroupArn="inputs.targetGroupArn",
                result="TargetHealthDescriptions[?Target.Id==$inputs.targetId].Target | [0]",
            ),
            delete=call("deregister_targets", TargetGroupArn="inputs.targetGroupArn", Targets=_TARGET),
            names={"targetId": "Id"},
        ),
        "aws:lb/listenerCertificate:ListenerCertificate": AwsType(
            create=call(
                "add_listener_certificates",
                ListenerArn="inputs.listenerArn",
                Certificates="[{CertificateArn: inputs.certificateArn}]",
            ),
            id="join('_', [inputs.listenerArn, inputs.certificateArn])",
            read=call(
                "describe_listener_certificates",
                ListenerArn="inputs.listenerArn",
                result="Certificates[?CertificateArn==$inputs.certificateArn] | [0]",
            ),
            delete=call(
                "remove_listener_certificates",
                ListenerArn="inputs.listenerArn",
                Certificates="[{CertificateArn: inputs.certificateArn}]",
            ),
        ),
    },
)
