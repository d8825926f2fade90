"""SNS."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, Call, call
from rehearsal.aws.rules import matches, policy_document, rules

_ATTRIBUTES = {
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "deliveryPolicy": "DeliveryPolicy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
    "contentBasedDeduplication": "ContentBasedDeduplication",
}
_TOPIC_ARN = "join('', ['arn:aws:sns:', region, ':', account, ':', inputs.name])"
_OWNERS_ONLY = (
    """join('', ['{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"', account,"""
    """ '"},"Action":"SNS:*","Resource":"', id, '"}]}'])"""
)


def _set(key: str, attribute: str) -> Call:
    return call(
        "set_topic_attributes", TopicArn="id", AttributeName=f"'{attribute}'", AttributeValue=f"inputs.{key} || ''"
    )


SERVICE = AwsService(
    client="sns",
    retag=call("tag_resource", ResourceArn="id", Tags="tags"),
    untag=call("untag_resource", ResourceArn="id", TagKeys="removed"),
    tags=call("list_tags_for_resource", ResourceArn="id", result="Tags"),
    types={
        "aws:sns/topic:Topic": AwsType(
            create=call(
                "create_topic",
                Name="inputs.name",
                Attributes=(
                    "{FifoTopic: inputs.fifoTopic, "
                    + ", ".join(f"{attribute}: inputs.{key}" for key, attribute in _ATTRIBUTES.items())
                    + "}"
                ),
                Tags="tags",
            ),
            id="answer.TopicArn",
            taken=call("get_topic_attributes", TopicArn=_TOPIC_ARN, result="Attributes"),
            read=call("get_topic_attributes", TopicArn="id", result="Attributes"),
            update=tuple(_set(key, attribute) for key, attribute in _ATTRIBUTES.items()),
            delete=call("delete_topic", TopicArn="id"),
            outputs={"arn": "id", "owner": "account"},
            check=rules(
                matches("name", r"[\w-]{1,256}(\.fifo)?", "1 to 256 letters, digits, - and _"),
                policy_document("policy"),
            ),
        ),
        "aws:sns/topicPolicy:TopicPolicy": AwsType(
            create=(
                _put := call(
                    "set_topic_attributes",
                    TopicArn="inputs.arn",
                    AttributeName="'Policy'",
                    AttributeValue="inputs.policy",
                )
            ),
            id="inputs.arn",
            read=call("get_topic_attributes", TopicArn="id", result="Attributes"),
            update=(_put,),
            fixed=frozenset({"arn"}),
            # A topic always has a policy: the one it began with comes back.
            delete=call("set_topic_attributes", TopicArn="id", AttributeName="'Policy'", AttributeValue=_OWNERS_ONLY),
            outputs={"owner": "account"},
            check=policy_document("policy"),
        ),
        "aws:sns/topicSubscription:TopicSubscription": AwsType(
            create=call(
                "subscribe",
                TopicArn="inputs.topic",
                Protocol="inputs.protocol",
                Endpoint="inputs.endpoint",
                Attributes=(
                    "{RawMessageDelivery: inputs.rawMessageDelivery, FilterPolicy: inputs.filterPolicy,"
                    " FilterPolicyScope: inputs.filterPolicyScope, RedrivePolicy: inputs.redrivePolicy}"
                ),
                ReturnSubscriptionArn="`true`",
            ),
            id="answer.SubscriptionArn",
            read=call("get_subscription_attributes", SubscriptionArn="id", result="Attributes"),
            delete=call("unsubscribe", SubscriptionArn="id"),
            names={"topic": "TopicArn"},
            unsent=frozenset({"endpointAutoConfirms", "confirmationTimeoutInMinutes"}),
            outputs={"arn": "id", "ownerId": "account"},
        ),
    },
)
