"""IAM."""

from __future__ import annotations

from dataclasses import replace

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import matches, policy_document, rules

_NAME = matches("name", r"[\w+=,.@-]{1,64}", "1 to 64 letters, digits and +=,.@_-")


def _tagged(kind: AwsType, what: str, parameter: str) -> AwsType:
    """IAM has tag calls per type, each with its own name for the id."""
    return replace(
        kind,
        retag=call(f"tag_{what}", Tags="tags", **{parameter: "id"}),
        untag=call(f"untag_{what}", TagKeys="removed", **{parameter: "id"}),
    )


SERVICE = AwsService(
    client="iam",
    types={
        "aws:iam/role:Role": _tagged(
            AwsType(
                create=create("create_role"),
                id="answer.Role.RoleName",
                read=call("get_role", RoleName="id", result="Role"),
                update=(
                    call(
                        "update_role",
                        RoleName="id",
                        Description="inputs.description",
                        MaxSessionDuration="inputs.maxSessionDuration",
                    ),
                    call("update_assume_role_policy", RoleName="id", PolicyDocument="inputs.assumeRolePolicy"),
                    call(
                        "put_role_permissions_boundary",
                        RoleName="id",
                        PermissionsBoundary="inputs.permissionsBoundary",
                        when="inputs.permissionsBoundary",
                    ),
                ),
                delete=call("delete_role", RoleName="id"),
                names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
                unsent=frozenset({"forceDetachPolicies"}),
                observe={"permissionsBoundary": "seen.PermissionsBoundary.PermissionsBoundaryArn || ''"},
                outputs={"arn": "seen.Arn", "uniqueId": "seen.RoleId", "name": "seen.RoleName"},
                check=rules(_NAME, policy_document("assumeRolePolicy")),
            ),
            "role",
            "RoleName",
        ),
        "aws:iam/rolePolicy:RolePolicy": AwsType(
            create=(
                _put := call(
                    "put_role_policy",
                    RoleName="inputs.role",
                    PolicyName="inputs.name",
                    PolicyDocument="inputs.policy",
                )
            ),
            id="join(':', [inputs.role, inputs.name])",
            taken=(_get := call("get_role_policy", RoleName="inputs.role", PolicyName="inputs.name")),
            read=_get,
            update=(_put,),
            fixed=frozenset({"role", "name"}),
            delete=call("delete_role_policy", RoleName="inputs.role", PolicyName="inputs.name"),
            observe={"policy": "seen.PolicyDocument"},
            check=rules(
                matches("name", r"[\w+=,.@-]{1,128}", "1 to 128 letters, digits and +=,.@_-"),
                policy_document("policy"),
            ),
        ),
        "aws:iam/policy:Policy": _tagged(
            AwsType(
                create=create("create_policy"),
                id="answer.Policy.Arn",
                read=call("get_policy", PolicyArn="id", result="Policy"),
                also={
                    "version": call(
                        "get_policy_version", PolicyArn="id", VersionId="seen.DefaultVersionId", result="PolicyVersion"
                    )
                },
                # AWS keeps five versions: the oldest makes room.
                update=(
                    call(
                        "list_policy_versions",
                        PolicyArn="id",
                        result="length(Versions) >= `5` && Versions[?!IsDefaultVersion].VersionId | [-1]",
                    ),
                    call("delete_policy_version", PolicyArn="id", VersionId="found", when="found"),
                    call(
                        "create_policy_version", PolicyArn="id", PolicyDocument="inputs.policy", SetAsDefault="`true`"
                    ),
                ),
                delete=call("delete_policy", PolicyArn="id"),
                names={"name": "PolicyName", "policy": "PolicyDocument"},
                unsent=frozenset({"delayAfterPolicyCreationInMs"}),
                observe={"policy": "seen.version.Document"},
                outputs={"arn": "id", "policyId": "seen.PolicyId"},
                check=rules(
                    matches("name", r"[\w+=,.@-]{1,128}", "1 to 128 letters, digits and +=,.@_-"),
                    policy_document("policy"),
                ),
            ),
            "policy",
            "PolicyArn",
        ),
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": AwsType(
            create=call("attach_role_policy", RoleName="inputs.role", PolicyArn="inputs.policyArn"),
            id="join('-', [inputs.role, inputs.policyArn])",
            read=call(
                "list_attached_role_policies",
                RoleName="inputs.role",
                result="AttachedPolicies[?PolicyArn==$inputs.policyArn] | [0]",
            ),
            delete=call("detach_role_policy", RoleName="inputs.role", PolicyArn="inputs.policyArn"),
        ),
        "aws:iam/instanceProfile:InstanceProfile": _tagged(
            AwsType(
                create=create("create_instance_profile"),
                id="answer.InstanceProfile.InstanceProfileName",
                read=call("get_instance_profile", InstanceProfileName="id", result="InstanceProfile"),
                settle=(
                    call(
                        "remove_role_from_instance_profile",
                        InstanceProfileName="id",
                        RoleName="was.role",
                        when="was.role",
                    ),
                    call("add_role_to_instance_profile", InstanceProfileName="id", RoleName="inputs.role"),
                ),
                clear=(
                    call(
                        "remove_role_from_instance_profile",
                        InstanceProfileName="id",
                        RoleName="seen.Roles[0].RoleName",
                        when="seen.Roles[0]",
                    ),
                ),
                delete=call("delete_instance_profile", InstanceProfileName="id"),
                names={"name": "InstanceProfileName"},
                observe={"role": "seen.Roles[0].RoleName || ''"},
                outputs={"arn": "seen.Arn", "uniqueId": "seen.InstanceProfileId"},
            ),
            "instance_profile",
            "InstanceProfileName",
        ),
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _tagged(
            AwsType(
                create=create("create_open_id_connect_provider"),
                id="answer.OpenIDConnectProviderArn",
                read=call("get_open_id_connect_provider", OpenIDConnectProviderArn="id"),
                update=(
                    call(
                        "update_open_id_connect_provider_thumbprint",
                        OpenIDConnectProviderArn="id",
                        ThumbprintList="inputs.thumbprintLists",
                    ),
                ),
                delete=call("delete_open_id_connect_provider", OpenIDConnectProviderArn="id"),
                names={"clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"},
                observe={"url": "join('', ['https://', after(seen.Url, '://')])"},
                outputs={"arn": "id"},
                check=matches("url", r"https://[^?#]+", "an https:// address"),
            ),
            "open_id_connect_provider",
            "OpenIDConnectProviderArn",
        ),
    },
)
