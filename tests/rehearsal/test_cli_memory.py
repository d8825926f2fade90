"""What keeps moto and the SDK small and quick changes nothing that a rehearsal sees."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from botocore import auth
from pulumi import log
from pulumi.runtime import stack

from rehearsal.aws.provider import AwsProvider
from rehearsal.memory import OnDemand, PackedShapes, save_memory
from rehearsal.pulumi_types import _found
from rehearsal.sdk import quick_sdk
from tests.stacks import REGION, ROOT

LOOK = """
import json, os, sys
os.environ.update(
    MOTO_EC2_LOAD_DEFAULT_AMIS="false", MOTO_IAM_LOAD_MANAGED_POLICIES="true",
    AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x",
)
saving = sys.argv[1] == "saving"
if saving:
    from rehearsal.memory import save_memory
    from rehearsal.quick import save_time
    save_memory()
    save_time()
import boto3
from botocore.exceptions import ClientError
from botocore.loaders import Loader
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID, loaders, responses, utils
from moto.ec2.models import ec2_backends
from moto.ec2.models import instance_types
from moto.ec2.responses import EC2Response
if saving:
    from rehearsal.aws.managed_policies import load_documents_on_demand
    load_documents_on_demand()

def refused(call, **params):
    try:
        call(**params)
    except ClientError as error:
        return error.response["Error"]

def shapes(model):
    return {
        name: [shape.type_name, list(getattr(shape, "members", ())), sorted(shape.metadata)]
        for name in model.shape_names
        for shape in [model.shape_for(name)]
    }

found = {}
with mock_aws():
    for region in ("ap-northeast-2", "us-east-1"):
        ec2 = boto3.client("ec2", region_name=region)
        zones = ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.small"]}]
        )
        found[region] = sorted(
            (one["InstanceType"], one["LocationType"], one["Location"]) for one in zones["InstanceTypeOfferings"]
        )
    found["families"] = sorted(instance_types.INSTANCE_FAMILIES)
    found["type"] = ec2.describe_instance_types(InstanceTypes=["t3.small"])["InstanceTypes"]
    found["all types"] = sorted(one.name for one in ec2_backends[DEFAULT_ACCOUNT_ID][region].instance_types)
    found["no type"] = refused(ec2.describe_instance_types, InstanceTypes=["t9.tiny"])
    members = ec2.meta.service_model.operation_model("CreateVpc").input_shape.members
    found["members"] = list(members)
    for service in ("ec2", "iam", "s3"):
        found[f"{service} client"] = shapes(boto3.client(service, region).meta.service_model)
        found[f"{service} moto"] = shapes(utils.get_service_model(service))
    services = Loader().list_available_services("service-2")
    found["a service and none"] = ["ec2" in services, "castles" in services]
    found["services"] = list(Loader().list_available_services("paginators-1"))
    found["moto's services"] = list(loaders.create_loader().list_available_services("service-2"))
    found["methods"] = responses.method_names_from_class(EC2Response)
    iam = boto3.client("iam", region)
    policies = [
        policy for page in iam.get_paginator("list_policies").paginate(Scope="AWS") for policy in page["Policies"]
    ]
    found["policies"] = [(one["Arn"], one["DefaultVersionId"], str(one["UpdateDate"])) for one in policies]
    core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    version = iam.get_policy(PolicyArn=core)["Policy"]["DefaultVersionId"]
    found["document"] = iam.get_policy_version(PolicyArn=core, VersionId=version)["PolicyVersion"]["Document"]
    iam.create_role(RoleName="role", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="role", PolicyArn=core)
    found["attached"] = iam.list_attached_role_policies(RoleName="role")["AttachedPolicies"]
    found["no policy"] = refused(iam.attach_role_policy, RoleName="role", PolicyArn=core + "s")
    acm, kms = boto3.client("acm", region), boto3.client("kms", region)
    arns = [acm.request_certificate(DomainName=name)["CertificateArn"] for name in ("a.example.com", "b.example.com")]
    certificates = [acm.describe_certificate(CertificateArn=arn)["Certificate"] for arn in arns]
    found["certificates"] = [
        [one[key] for key in ("DomainName", "KeyAlgorithm", "Status", "Type", "Subject")] for one in certificates
    ]
    found["serial numbers"] = len({one["Serial"] for one in certificates})
    signing = {"KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048"}
    public = [kms.get_public_key(KeyId=kms.create_key(**signing)["KeyMetadata"]["KeyId"])["PublicKey"] for _ in "ab"]
    found["public keys"] = len(set(public))
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in "ab"]
    secrets = [kms.encrypt(KeyId=key, Plaintext=b"plain")["CiphertextBlob"] for key in keys]
    found["decrypted"] = [kms.decrypt(CiphertextBlob=secret)["Plaintext"] for secret in secrets]
    logs, s3, elb = boto3.client("logs", region), boto3.client("s3", region), boto3.client("elbv2", region)
    rds, sns, cloudfront = boto3.client("rds", region), boto3.client("sns", region), boto3.client("cloudfront", region)
    found["refusals"] = [
        refused(logs.put_retention_policy, logGroupName="none", retentionInDays=1),
        refused(s3.get_bucket_policy, Bucket="nobodys"),
        refused(elb.describe_load_balancers, Names=["none"]),
        refused(elb.describe_target_groups, Names=["none"]),
        refused(rds.describe_db_instances, DBInstanceIdentifier="none"),
        refused(sns.get_topic_attributes, TopicArn=f"arn:aws:sns:{region}:123456789012:none"),
        refused(cloudfront.get_distribution, Id="NONE"),
        refused(acm.describe_certificate, CertificateArn=f"{arns[0][:-36]}{'0' * 36}"),
        refused(ec2.describe_vpcs, VpcIds=["vpc-00000000"]),
        refused(iam.get_role, RoleName="none"),
    ]
    s3.create_bucket(Bucket="bucket.with.dots")
    s3.put_object(Bucket="bucket.with.dots", Key="a folder/ä%2F+file", Body=b"text", Metadata={"a_b": "c"})
    read = s3.get_object(Bucket="bucket.with.dots", Key="a folder/ä%2F+file")
    found["object"] = [read["Body"].read(), read["Metadata"], read["ContentLength"]]
    rds.create_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t4g.small", Engine="postgres")
    made = rds.describe_db_instances()["DBInstances"][0]
    by_chance = ("DbiResourceId", "InstanceCreateTime", "LatestRestorableTime", "VpcSecurityGroups")
    found["database"] = {key: made[key] for key in sorted(made) if key not in by_chance}
print(json.dumps(found, default=str))
"""


def look(how: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, how], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.runs
def test_the_embedded_cloud_answers_as_without_saving() -> None:
    saving, plain = look("saving"), look("plain")
    for name, answer in plain.items():
        assert saving[name] == answer, name
        assert answer, name
    assert saving.keys() == plain.keys()
    assert saving["ap-northeast-2"] != saving["us-east-1"]


def test_nothing_is_signed_for_a_cloud_that_reads_no_signature(
    aws: AwsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sign(self: Any, request: Any) -> None:
        raise AssertionError(f"{type(self).__name__} signs {request.url}")

    for way in {*auth.AUTH_TYPE_MAPS.values()}:
        monkeypatch.setattr(way, "add_auth", sign)
    asked = {"ec2": "vpcs", "elbv2": "load_balancers", "logs": "log_groups", "rds": "db_instances"}
    listed = {"acm": "certificates", "iam": "roles", "kms": "keys", "s3": "buckets", "sns": "topics"}
    for service, of in asked.items():
        getattr(aws.client(service, REGION), f"describe_{of}")()
    for service, of in listed.items():
        getattr(aws.client(service, REGION), f"list_{of}")()


LAZY = """
import sys
from rehearsal.pulumi_types import import_types_one_by_one
import_types_one_by_one()
import pulumi_aws as aws
aws.ec2.Vpc, aws.ec2.LaunchTemplateMetadataOptionsArgs, aws.ec2.get_ami_output
assert "pulumi_aws.ec2.vpc" in sys.modules
assert "pulumi_aws.ec2.volume_attachment" not in sys.modules
assert not hasattr(aws.ec2, "Castle")
assert "pulumi_aws.ec2.volume_attachment" in sys.modules, "whatever it cannot find is looked for everywhere"
from pulumi_aws.s3 import *
assert BucketPolicy.__module__ == "pulumi_aws.s3.bucket_policy"
"""


_CALLED_OTHERWISE = ("Result", "InitArgs")
"""Their modules have other names, so they take the import of the whole service; no component names them."""


def test_a_type_is_imported_without_the_rest_of_its_service() -> None:
    subprocess.run([sys.executable, "-c", LAZY], cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize("service", ["ec2", "iam", "s3", "ssm", "lb"])
def test_what_is_imported_one_by_one_is_what_the_service_has(service: str) -> None:
    package = import_module(f"pulumi_aws.{service}")
    assert not hasattr(package, "Castle"), "now all of it is imported"
    had = {name: value for name, value in vars(package).items() if not name.startswith("_") and name != "typing"}
    found = {name: _found(package, name) for name in had}
    assert [name for name, value in found.items() if value is not None and value is not had[name]] == []
    assert [name for name, value in found.items() if value is None and not name.endswith(_CALLED_OTHERWISE)] == []


def test_the_sdk_has_its_habits_back_after_a_run() -> None:
    usual = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    before = log.debug, stack.wait_for_rpcs, gc.get_threshold()
    with quick_sdk():
        assert log.debug is not before[0]
        assert gc.get_threshold() != before[2]
    after = log.debug, stack.wait_for_rpcs, gc.get_threshold()
    gc.set_threshold(*usual)
    assert after == before


def test_a_member_called_documentation_stays(tmp_path: Path) -> None:
    save_memory()
    from botocore.loaders import JSONFileLoader

    model = {"documentation": "prose", "members": {"documentation": {"shape": "String", "documentation": "prose"}}}
    (tmp_path / "model.json").write_text(json.dumps(model))
    kept = JSONFileLoader().load_file(str(tmp_path / "model"))
    assert kept == {"documentation": "", "members": {"documentation": {"shape": "String", "documentation": ""}}}
    assert JSONFileLoader().load_file(str(tmp_path / "missing")) is None


def test_values_are_loaded_when_they_are_asked_for_and_only_once() -> None:
    asked: list[str] = []

    def load(key: str) -> list[str]:
        asked.append(key)
        return [key]

    regions = OnDemand(["one", "two"], load)
    assert list(regions) == ["one", "two"]
    assert asked == []
    assert regions["one"] == ["one"]
    assert regions.get("one") == ["one"]
    assert regions.get("three", []) == []
    assert asked == ["one"]


def test_shapes_are_packed_and_read_as_they_were() -> None:
    shapes = {"Text": {"type": "string"}, "Thing": {"type": "structure", "members": {"Name": {"shape": "Text"}}}}
    packed = PackedShapes(shapes)
    assert list(packed) == list(shapes)
    assert dict(packed.items()) == shapes
    assert list(packed.values()) == list(shapes.values())
    assert packed["Thing"] == packed.get("Thing") == shapes["Thing"]
    assert packed.get("Missing") is None
    packed["Thing"] = {"type": "structure", "members": {}}
    assert packed["Thing"] == {"type": "structure", "members": {}}
