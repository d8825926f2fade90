"""Lists of values that no model has where it is asked for them, beside the provider's documentation and botocore."""

from __future__ import annotations

import re
from pathlib import Path

import pulumi_aws
import pytest

from infra.components.aws.cloudfront_policies import CACHING_OPTIMIZED
from rehearsal.aws.limits import limits
from rehearsal.aws.schemas import TYPES, VALUES, check_schema
from rehearsal.aws.tables import table
from rehearsal.provider import Rejected
from tests.witness.botocore import service_model, told
from tests.witness.test_forms import plain

PROVIDER = Path(pulumi_aws.__file__).parent

WHERE = {
    ("aws:lb/listener:Listener", "defaultactions.fixedresponseconfig.contenttype"): ("lb/_inputs.py", "content_type"),
    ("aws:lb/listenerRule:ListenerRule", "actions.fixedresponseconfig.contenttype"): ("lb/_inputs.py", "content_type"),
    ("aws:lb/loadBalancer:LoadBalancer", "desyncmitigationmode"): ("lb/load_balancer.py", "desync_mitigation_mode"),
    ("aws:lb/targetGroup:TargetGroup", "stickiness.type"): ("lb/_inputs.py", "type"),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "authtokenupdatestrategy"): (
        "elasticache/replication_group.py", "auth_token_update_strategy",
    ),
    ("aws:rds/instance:Instance", "storagetype"): ("rds/instance.py", "storage_type"),
}  # fmt: skip
"""By type and path, the file of the provider's documentation and the argument there."""

BESIDES = {
    ("aws:elasticache/replicationGroup:ReplicationGroup", "authtokenupdatestrategy"): {"auth_token", "auth_token_wo"},
    ("aws:rds/instance:Instance", "storagetype"): {"iops"},
}
"""Other arguments that such a sentence names."""

OF_BOTOCORE = {("aws:autoscaling/group:Group", "instancerefresh.strategy"): ("autoscaling", "RefreshStrategy")}


OF_PROSE = {
    ("aws:autoscaling/group:Group", "enabledmetrics"): (
        ("autoscaling", "EnableMetricsCollection", "Metrics"), r"one or more of the following metrics:(.*)If you specify", r"\w+"
    ),
    ("aws:rds/instance:Instance", "enablecloudwatchlogsexports"): (
        ("rds", "CreateDBInstance", "EnableCloudwatchLogsExports"), r"RDS for PostgreSQL - (.*)", r"[\w-]+"
    ),
}  # fmt: skip
"""Where botocore's prose lists them: the member, what is around the list, and what an entry looks like."""


def test_each_list_has_a_witness() -> None:
    listed = {(token, path) for token, paths in VALUES.items() for path in paths}
    assert listed == WHERE.keys() | OF_BOTOCORE.keys() | OF_PROSE.keys()


@pytest.mark.parametrize(("token", "path"), [*WHERE, *OF_BOTOCORE, *OF_PROSE])
def test_a_list_is_what_the_witness_says(token: str, path: str) -> None:
    values = set(VALUES[token][path])
    if (token, path) in OF_BOTOCORE:
        service, shape = OF_BOTOCORE[token, path]
        assert values == set(limits(service_model(service).shape_for(shape)).enum)
        return
    if (token, path) in OF_PROSE:
        where, around, one = OF_PROSE[token, path]
        listed = re.search(around, plain(told(*where)[1]))
        assert listed is not None
        assert values == set(re.findall(one, listed[1]))
        return
    file, name = WHERE[token, path]
    text = (PROVIDER / file).read_text()
    texts = re.findall(rf":param [^\n]* {name}: ([^\n]*)", text)
    texts += re.findall(rf'def {name}\(self\).*?"""(.*?)"""', text, re.DOTALL)
    assert any(values == _values_in(one) - BESIDES.get((token, path), set()) for one in texts)


def _values_in(text: str) -> set[str]:
    return set(re.findall(r"[`\"]([\w/-]+)[`\"]", text))


def test_cloudfronts_own_policies_are_in_the_table() -> None:
    assert CACHING_OPTIMIZED in table("cloudfront")["cachePolicies"].values()


def test_every_schema_is_in_the_table() -> None:
    assert set(TYPES.values()) == table("cloudformation")["limits"].keys()


@pytest.mark.parametrize(
    ("token", "inputs", "message"),
    [
        (
            "aws:sns/topic:Topic",
            {"tags": {"a": "b" * 257}},
            "tags.a: '.*' has 257 characters, not at least 0 and at most 256",
        ),
        ("aws:sns/topic:Topic", {"tags": {"a" * 129: "b"}}, "has 129 characters"),
        ("aws:sns/topic:Topic", {"tags": {"a;b": "c"}}, "does not match"),
        ("aws:lb/targetGroup:TargetGroup", {"port": 65536}, "port: '65536' is not at least 1 and at most 65535"),
        ("aws:lb/loadBalancer:LoadBalancer", {"desyncMitigationMode": "off"}, "'off' is not one of defensive"),
        ("aws:elasticache/replicationGroup:ReplicationGroup", {"engine": "mongo"}, "'mongo' is not one of memcached"),
    ],
)
def test_what_a_schema_refuses_is_refused_by_name(token: str, inputs: dict[str, object], message: str) -> None:
    with pytest.raises(Rejected, match=message):
        check_schema(token, inputs, {})


def test_ec2_takes_any_character_in_a_tag() -> None:
    check_schema("aws:ec2/vpc:Vpc", {"tags": {"a;b": "c|d"}}, {})
