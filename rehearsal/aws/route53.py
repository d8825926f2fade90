"""Route 53."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, Call, call
from rehearsal.aws.rules import known, matches, needs, rules
from rehearsal.provider import Rejected
from rehearsal.values import Props


def _record_value(inputs: Props) -> None:
    if bool(inputs.get("records")) == bool(inputs.get("aliases")):
        raise Rejected("a record has either records (and a ttl) or one alias")
    policies = [key for key in inputs if key.endswith(("RoutingPolicies", "RoutingPolicy"))]
    if len(policies) > 1:
        raise Rejected(f"a record has one routing policy, not {', '.join(policies)}")
    if policies and not inputs.get("setIdentifier"):
        raise Rejected(f"{policies[0]}: needs a setIdentifier")
    for policy in known(inputs, "failoverRoutingPolicies") or []:
        if known(policy, "type") not in (None, "PRIMARY", "SECONDARY"):
            raise Rejected(f"failoverRoutingPolicies.type: {policy['type']!r} is neither PRIMARY nor SECONDARY")
    if known(inputs, "type") == "CNAME" and len(known(inputs, "records") or []) > 1:
        raise Rejected("records: a CNAME has one value")


_SET = (
    "{Name: inputs.name, Type: inputs.type, TTL: inputs.ttl, ResourceRecords: inputs.records[].{Value: @},"
    " AliasTarget: inputs.aliases[0] && {DNSName: inputs.aliases[0].name, HostedZoneId: inputs.aliases[0].zoneId,"
    " EvaluateTargetHealth: inputs.aliases[0].evaluateTargetHealth}, SetIdentifier: inputs.setIdentifier,"
    " Weight: inputs.weightedRoutingPolicies[0].weight, Failover: inputs.failoverRoutingPolicies[0].type,"
    " Region: inputs.latencyRoutingPolicies[0].region, MultiValueAnswer: inputs.multivalueAnswerRoutingPolicy,"
    " HealthCheckId: inputs.healthCheckId}"
)
_FIND = (
    "ResourceRecordSets[?no_dot(Name)==no_dot($inputs.name) && Type==$inputs.type"
    " && SetIdentifier==$inputs.setIdentifier] | [0]"
)


def _change(action: str, record: str = _SET) -> Call:
    return call(
        "change_resource_record_sets",
        HostedZoneId="inputs.zoneId",
        ChangeBatch=f"{{Changes: [{{Action: {action}, ResourceRecordSet: {record}}}]}}",
    )


def _records(*, when: str | None = None) -> Call:
    return call(
        "list_resource_record_sets",
        HostedZoneId="inputs.zoneId",
        StartRecordName="inputs.name",
        result=_FIND,
        when=when,
    )


def _tags(kind: str) -> dict[str, str]:
    return {"ResourceType": f"'{kind}'", "ResourceId": "id"}


_CHECK = {
    "type": "Type",
    "fqdn": "FullyQualifiedDomainName",
    "ipAddress": "IPAddress",
    "port": "Port",
    "resourcePath": "ResourcePath",
    "searchString": "SearchString",
    "requestInterval": "RequestInterval",
    "failureThreshold": "FailureThreshold",
    "measureLatency": "MeasureLatency",
    "invertHealthcheck": "Inverted",
    "disabled": "Disabled",
    "enableSni": "EnableSNI",
    "regions": "Regions",
    "childHealthchecks": "ChildHealthChecks",
    "childHealthThreshold": "HealthThreshold",
    "insufficientDataHealthStatus": "InsufficientDataHealthStatus",
}
_NOT_UPDATED = {"type", "requestInterval", "measureLatency"}

SERVICE = AwsService(
    client="route53",
    types={
        "aws:route53/zone:Zone": AwsType(
            create=call(
                "create_hosted_zone",
                Name="inputs.name",
                CallerReference="token",
                # On AWS a VPC alone makes it private.
                HostedZoneConfig=(
                    "{Comment: inputs.comment || 'Managed by Pulumi', PrivateZone: inputs.vpcs[0] && `true` || null}"
                ),
                DelegationSetId="inputs.delegationSetId",
                VPC="inputs.vpcs[0] && {VPCId: inputs.vpcs[0].vpcId, VPCRegion: inputs.vpcs[0].vpcRegion || region}",
            ),
            id="after(answer.HostedZone.Id, 'hostedzone/')",
            read=call(
                "get_hosted_zone",
                Id="id",
                result="merge(HostedZone, {NameServers: DelegationSet.NameServers, VPCs: VPCs})",
            ),
            update=(call("update_hosted_zone_comment", Id="id", Comment="inputs.comment"),),
            clear=(
                call(
                    "list_resource_record_sets",
                    HostedZoneId="id",
                    when="inputs.forceDestroy",
                    result="ResourceRecordSets[?Type!='NS' && Type!='SOA']",
                ),
                call(
                    "change_resource_record_sets",
                    HostedZoneId="id",
                    ChangeBatch="{Changes: found[].{Action: 'DELETE', ResourceRecordSet: @}}",
                    when="found",
                ),
            ),
            delete=call("delete_hosted_zone", Id="id"),
            retag=call("change_tags_for_resource", AddTags="tags", **_tags("hostedzone")),
            untag=call("change_tags_for_resource", RemoveTagKeys="removed", **_tags("hostedzone")),
            tags=call("list_tags_for_resource", result="ResourceTagSet.Tags", **_tags("hostedzone")),
            unsent=frozenset({"forceDestroy"}),
            observe={
                "name": "no_dot(seen.Name)",
                "comment": "seen.Config.Comment",
                "vpcs": "seen.VPCs[].{vpcId: VPCId, vpcRegion: VPCRegion}",
            },
            outputs={
                "arn": "join('', ['arn:aws:route53:::hostedzone/', id])",
                "zoneId": "id",
                "nameServers": "seen.NameServers",
                "primaryNameServer": "seen.NameServers[0]",
            },
            check=matches("name", r"([a-z0-9_-]+\.)+[a-z0-9-]{2,}", "a domain name without a dot at its end"),
        ),
        "aws:route53/record:Record": AwsType(
            create=_change("inputs.allowOverwrite && 'UPSERT' || 'CREATE'"),
            id="join('_', [inputs.zoneId, inputs.name, inputs.type, inputs.setIdentifier || ''][?@!=''])",
            taken=_records(when="!(inputs.allowOverwrite)"),
            read=_records(),
            update=(_change("'UPSERT'"),),
            fixed=frozenset({"zoneId", "name", "type", "setIdentifier"}),
            delete=_change("'DELETE'", "seen"),
            unsent=frozenset({"allowOverwrite"}),
            observe={
                "name": "no_dot(seen.Name) == no_dot(inputs.name) && inputs.name || seen.Name",
                "records": "seen.ResourceRecords[].Value || `[]`",
                "aliases": (
                    "[{name: no_dot(seen.AliasTarget.DNSName), zoneId: seen.AliasTarget.HostedZoneId,"
                    " evaluateTargetHealth: seen.AliasTarget.EvaluateTargetHealth}]"
                ),
            },
            outputs={"fqdn": "no_dot(inputs.name)"},
            check=rules(_record_value, needs("records", "ttl")),
        ),
        "aws:route53/healthCheck:HealthCheck": AwsType(
            create=call(
                "create_health_check",
                CallerReference="token",
                HealthCheckConfig="{" + ", ".join(f"{name}: inputs.{key}" for key, name in _CHECK.items()) + "}",
            ),
            id="answer.HealthCheck.Id",
            read=call("get_health_check", HealthCheckId="id", result="HealthCheck.HealthCheckConfig"),
            update=(
                call(
                    "update_health_check",
                    HealthCheckId="id",
                    **{name: f"inputs.{key}" for key, name in _CHECK.items() if key not in _NOT_UPDATED},
                ),
            ),
            delete=call("delete_health_check", HealthCheckId="id"),
            retag=call("change_tags_for_resource", AddTags="tags", **_tags("healthcheck")),
            untag=call("change_tags_for_resource", RemoveTagKeys="removed", **_tags("healthcheck")),
            tags=call("list_tags_for_resource", result="ResourceTagSet.Tags", **_tags("healthcheck")),
            names=_CHECK,
            unsent=frozenset({"referenceName"}),
            outputs={"arn": "join('', ['arn:aws:route53:::healthcheck/', id])"},
            check=rules(
                matches("fqdn", r"(?=.{1,255}$)([A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+", "a domain name"),
                matches("resourcePath", r"/[\x21-\x7e]{0,254}", "a path of at most 255 characters, such as /health"),
            ),
        ),
    },
)
