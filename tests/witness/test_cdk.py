"""What the project takes from aws-cdk-lib is what it says."""

from __future__ import annotations

import re

import pytest

from infra.components.aws.cloudfront_policies import CACHING_OPTIMIZED, SECURITY_HEADERS
from infra.components.aws.endpoints import aws_owned_buckets
from rehearsal.aws.cloudfront import SERVICE
from rehearsal.aws.schemas import FORMS
from tests.witness.cdk import managed_cloudfront_policies, source
from tests.witness.tables import FOLDER, tables, written
from tests.witness.test_forms import DATABASE, DOMAINS
from tests.witness.test_iam import OF_SERVICES
from tests.witness.test_names import OF_CDK

pytestmark = pytest.mark.verify


def test_the_tables_are_what_the_packages_say_now() -> None:
    now = tables()
    assert {path.stem for path in FOLDER.glob("*.json")} == now.keys()
    for name, content in now.items():
        assert (FOLDER / f"{name}.json").read_text() == written(content), "python -m tests.witness.tables"


def test_cloudfronts_own_policies_have_the_ids_that_the_components_use() -> None:
    managed = managed_cloudfront_policies()
    assert managed["cachePolicies"]["CACHING_OPTIMIZED"] == CACHING_OPTIMIZED
    assert managed["responseHeadersPolicies"]["SECURITY_HEADERS"] == SECURITY_HEADERS


def test_what_services_say_of_the_resource_they_act_for_has_the_librarys_keys() -> None:
    text = source("aws-iam/lib/policy-statement")
    assert {key for key in OF_SERVICES if f'"{key}"' in text} == OF_SERVICES


@pytest.mark.parametrize(("file", "written"), OF_CDK.values(), ids=OF_CDK)
def test_service_principals_that_no_smaller_text_has_are_the_librarys(file: str, written: str) -> None:
    assert written in source(file)


def test_the_bucket_of_codedeploys_agent_is_the_one_that_the_library_installs_it_from() -> None:
    assert 'fromBucketName(this,"Bucket",`aws-codedeploy-${' in source("aws-codedeploy/lib/server/deployment-group")
    assert "aws-codedeploy-ap-northeast-2" in aws_owned_buckets("ap-northeast-2")


def test_the_authority_of_databases_certificates_is_one_that_the_library_knows() -> None:
    known = re.findall(r"rds-ca-[\w-]+", source("aws-rds/lib/ca-certificate"))
    assert len(known) > 2
    assert all(re.search(FORMS[DATABASE]["cacertificateidentifier"], one) for one in known)


def test_a_name_of_a_domain_is_what_the_library_takes_of_a_zones() -> None:
    """Character by character, and as long; a label is never empty here."""
    text = source("aws-route53/lib/util")
    (longest,) = re.findall(r"zoneName\.length>(\d+)", text)
    (label,) = re.findall(r"label\.length>(\d+)", text)
    (characters,) = re.findall(r"zoneName\.match\(/\^(\[.+?\])\+\$/i\)", text)
    for token, path in DOMAINS:
        form = re.compile(FORMS[token][path])
        for one in map(chr, range(256)):
            taken = one == "." or bool(form.search(f"a{one}b"))
            assert taken is bool(re.fullmatch(characters, one, re.IGNORECASE | re.ASCII)), one
        for size in (int(label), int(label) + 1):
            assert bool(form.search(f"{'a' * size}.example")) is (size <= int(label))
        for size in (int(longest), int(longest) + 1):
            assert bool(form.search("a." * (size // 2) + "a" * (size % 2))) is (size <= int(longest))


def test_distributions_are_in_the_hosted_zone_that_the_library_knows() -> None:
    zone = SERVICE.types["aws:cloudfront/distribution:Distribution"].outputs["hostedZoneId"].strip("'")
    assert zone in source("aws-route53-targets/lib/cloudfront-target")
