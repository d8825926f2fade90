"""KMS."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import matches, needs, policy_document, rules, within

SERVICE = AwsService(
    client="kms",
    retag=call("tag_resource", KeyId="id", Tags="tags[].{TagKey: Key, TagValue: Value}"),
    untag=call("untag_resource", KeyId="id", TagKeys="removed"),
    tags=call("list_resource_tags", KeyId="id", result="Tags"),
    types={
        "aws:kms/key:Key": AwsType(
            create=create("create_key", Tags="tags[].{TagKey: Key, TagValue: Value}"),
            id="answer.KeyMetadata.KeyId",
            read=call("describe_key", KeyId="id", result="[KeyMetadata][?KeyState!='PendingDeletion'] | [0]"),
            also={
                "rotation": call("get_key_rotation_status", KeyId="id"),
                "policy": call("get_key_policy", KeyId="id", PolicyName="'default'", result="Policy"),
            },
            settle=(
                call(
                    "enable_key_rotation",
                    KeyId="id",
                    RotationPeriodInDays="inputs.rotationPeriodInDays",
                    when="inputs.enableKeyRotation",
                ),
                call(
                    "disable_key_rotation",
                    KeyId="id",
                    when="was.enableKeyRotation && inputs.enableKeyRotation == `false`",
                ),
                call("disable_key", KeyId="id", when="inputs.isEnabled == `false`"),
                call("enable_key", KeyId="id", when="was.isEnabled == `false` && inputs.isEnabled"),
            ),
            update=(
                call("update_key_description", KeyId="id", Description="inputs.description"),
                call("put_key_policy", KeyId="id", PolicyName="'default'", Policy="inputs.policy"),
            ),
            delete=call("schedule_key_deletion", KeyId="id", PendingWindowInDays="inputs.deletionWindowInDays"),
            observe={
                "enableKeyRotation": "seen.rotation.KeyRotationEnabled",
                "isEnabled": "seen.Enabled",
                "rotationPeriodInDays": "seen.rotation.RotationPeriodInDays",
            },
            outputs={"arn": "seen.Arn", "keyId": "id"},
            check=rules(
                policy_document("policy"),
                within("deletionWindowInDays", 7, 30),
                within("rotationPeriodInDays", 90, 2560),
                needs("rotationPeriodInDays", "enableKeyRotation", True),
            ),
        ),
        "aws:kms/alias:Alias": AwsType(
            create=call("create_alias", AliasName="inputs.name", TargetKeyId="inputs.targetKeyId"),
            id="inputs.name",
            read=call("list_aliases", result="Aliases[?AliasName==$id] | [0]"),
            update=(call("update_alias", AliasName="inputs.name", TargetKeyId="inputs.targetKeyId"),),
            fixed=frozenset({"name"}),
            delete=call("delete_alias", AliasName="id"),
            observe={
                "name": "seen.AliasName",
                "targetKeyId": (
                    "ends_with(inputs.targetKeyId, seen.TargetKeyId) && inputs.targetKeyId || seen.TargetKeyId"
                ),
            },
            outputs={
                "arn": "seen.AliasArn",
                "targetKeyArn": "join('', ['arn:aws:kms:', region, ':', account, ':key/', seen.TargetKeyId])",
            },
            check=matches("name", r"alias/(?!aws/)[\w/-]{1,250}", "alias/ and a name that does not begin with aws/"),
        ),
    },
)
