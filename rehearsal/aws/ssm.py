"""Systems Manager."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, Call, Lookup, call, create
from rehearsal.aws.rules import known, matches, one_of, rules
from rehearsal.provider import Rejected
from rehearsal.values import Props


def _value(inputs: Props) -> None:
    """The message never shows it."""
    key = "insecureValue" if "insecureValue" in inputs else "value"
    value = known(inputs, key)
    limit = 8192 if known(inputs, "tier") == "Advanced" else 4096
    if value is not None and not 1 <= len(value.encode()) <= limit:
        raise Rejected(f"{key}: between 1 and {limit} bytes, it has {len(value.encode())}")
    if key == "insecureValue" and known(inputs, "type") == "SecureString":
        raise Rejected("insecureValue: not for a SecureString, whose value is a secret")
    if inputs.get("keyId") and known(inputs, "type") in ("String", "StringList"):
        raise Rejected(f"keyId: only a SecureString has a key, not a {inputs['type']}")


def _tagging(kind: str) -> dict[str, str]:
    return {"ResourceType": f"'{kind}'", "ResourceId": "id"}


_GET = Call("get_parameter", {"Name": "inputs.name", "WithDecryption": "`true`"}, result="Parameter")

SERVICE = AwsService(
    client="ssm",
    types={
        "aws:ssm/parameter:Parameter": AwsType(
            create=create("put_parameter", Value="inputs.value || inputs.insecureValue"),
            id="inputs.name",
            read=_GET,
            also={
                "about": call(
                    "describe_parameters",
                    ParameterFilters="[{Key: 'Name', Option: 'Equals', Values: [id]}]",
                    result="Parameters[0]",
                )
            },
            update=(
                Call(
                    "put_parameter",
                    {"Overwrite": "`true`", "Value": "inputs.value || inputs.insecureValue"},
                    by_name=("name", "type", "description", "keyId", "tier", "allowedPattern", "dataType"),
                ),
            ),
            fixed=frozenset({"name"}),
            delete=call("delete_parameter", Name="id"),
            retag=call("add_tags_to_resource", Tags="tags", **_tagging("Parameter")),
            untag=call("remove_tags_from_resource", TagKeys="removed", **_tagging("Parameter")),
            tags=call("list_tags_for_resource", result="TagList", **_tagging("Parameter")),
            observe={
                "allowedPattern": "seen.about.AllowedPattern",
                "description": "seen.about.Description",
                "insecureValue": "seen.Value",
                "keyId": "seen.about.KeyId",
                "tier": "seen.about.Tier",
            },
            outputs={"arn": "seen.ARN", "version": "seen.Version", "value": "seen.Value"},
            check=rules(
                matches(
                    "name",
                    r"(?!/?(aws|ssm)(/|$))[\w./-]{1,1011}",
                    "letters, digits and /._-, not beginning with aws or ssm",
                ),
                one_of("type", "String", "StringList", "SecureString"),
                _value,
            ),
        ),
        "aws:ssm/document:Document": AwsType(
            create=create("create_document"),
            id="inputs.name",
            read=call("describe_document", Name="id", result="Document"),
            also={"content": call("get_document", Name="id", DocumentFormat="inputs.documentFormat", result="Content")},
            update=(
                call(
                    "update_document",
                    Name="id",
                    Content="inputs.content",
                    DocumentFormat="inputs.documentFormat",
                    TargetType="inputs.targetType",
                    DocumentVersion="'$LATEST'",
                    result="DocumentDescription.DocumentVersion",
                ),
                call("update_document_default_version", Name="id", DocumentVersion="found"),
            ),
            fixed=frozenset({"name", "documentType"}),
            delete=call("delete_document", Name="id"),
            retag=call("add_tags_to_resource", Tags="tags", **_tagging("Document")),
            untag=call("remove_tags_from_resource", TagKeys="removed", **_tagging("Document")),
            tags=call("list_tags_for_resource", result="TagList", **_tagging("Document")),
            outputs={
                "arn": "join('', ['arn:aws:ssm:', region, ':', account, ':document/', id])",
                "defaultVersion": "seen.DefaultVersion",
                "latestVersion": "seen.LatestVersion",
                "documentVersion": "seen.DocumentVersion",
                "status": "'Active'",
            },
            check=matches("name", r"(?!aws|amazon)[\w.-]{3,128}", "3 to 128 letters, digits and _.-"),
        ),
        "aws:ssm/association:Association": AwsType(
            create=create(
                "create_association",
                OutputLocation=(
                    "inputs.outputLocation && {S3Location: {OutputS3BucketName: inputs.outputLocation.s3BucketName,"
                    " OutputS3KeyPrefix: inputs.outputLocation.s3KeyPrefix,"
                    " OutputS3Region: inputs.outputLocation.s3Region}}"
                ),
            ),
            id="token",
            kept="moto has no State Manager associations",
            fixed=frozenset({"name"}),
            unsent=frozenset({"waitForSuccessTimeoutSeconds"}),
            outputs={
                "arn": "join('', ['arn:aws:ssm:', region, ':', account, ':association/', id])",
                "associationId": "id",
            },
        ),
    },
    functions={
        "aws:ssm/getParameter:getParameter": Lookup(
            call=_GET,
            result={
                "id": "seen.Name",
                "arn": "seen.ARN",
                "name": "seen.Name",
                "type": "seen.Type",
                "value": "seen.Value",
                "insecureValue": "seen.Type != 'SecureString' && seen.Value || null",
                "version": "seen.Version",
            },
        ),
    },
)
