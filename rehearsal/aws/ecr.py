"""ECR."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import json_document, matches, policy_document

SERVICE = AwsService(
    client="ecr",
    retag=call("tag_resource", resourceArn="answer.arn", tags="tags"),
    untag=call("untag_resource", resourceArn="answer.arn", tagKeys="removed"),
    tags=call("list_tags_for_resource", resourceArn="answer.arn", result="tags"),
    types={
        "aws:ecr/repository:Repository": AwsType(
            create=create("create_repository"),
            id="inputs.name",
            read=call("describe_repositories", repositoryNames="[id]", result="repositories[0]"),
            update=(
                call("put_image_tag_mutability", repositoryName="id", imageTagMutability="inputs.imageTagMutability"),
                call(
                    "put_image_scanning_configuration",
                    repositoryName="id",
                    imageScanningConfiguration="inputs.imageScanningConfiguration",
                ),
            ),
            delete=call("delete_repository", repositoryName="id", force="inputs.forceDelete || `false`"),
            names={"name": "repositoryName", "encryptionConfigurations": "encryptionConfiguration"},
            outputs={
                "arn": "seen.repositoryArn",
                "registryId": "seen.registryId",
                "repositoryUrl": "seen.repositoryUri",
            },
            check=matches(
                "name",
                r"(?=.{2,256}$)[a-z0-9]+([._/-][a-z0-9]+)*",
                "2 to 256 lower-case letters, digits and single ._-/",
            ),
        ),
        "aws:ecr/lifecyclePolicy:LifecyclePolicy": AwsType(
            create=(
                _put_lifecycle := call(
                    "put_lifecycle_policy",
                    repositoryName="inputs.repository",
                    lifecyclePolicyText="inputs.policy",
                )
            ),
            id="inputs.repository",
            read=call("get_lifecycle_policy", repositoryName="id"),
            update=(_put_lifecycle,),
            fixed=frozenset({"repository"}),
            delete=call("delete_lifecycle_policy", repositoryName="id"),
            names={"repository": "repositoryName", "policy": "lifecyclePolicyText"},
            outputs={"registryId": "account"},
            check=json_document("policy"),
        ),
        "aws:ecr/repositoryPolicy:RepositoryPolicy": AwsType(
            create=(
                _set_policy := call(
                    "set_repository_policy", repositoryName="inputs.repository", policyText="inputs.policy"
                )
            ),
            id="inputs.repository",
            read=call("get_repository_policy", repositoryName="id"),
            update=(_set_policy,),
            fixed=frozenset({"repository"}),
            delete=call("delete_repository_policy", repositoryName="id"),
            names={"repository": "repositoryName", "policy": "policyText"},
            outputs={"registryId": "account"},
            check=policy_document("policy"),
        ),
    },
)
