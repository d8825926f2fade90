"""Certificate Manager."""

from __future__ import annotations

from rehearsal.aws.declare import AwsService, AwsType, call, create
from rehearsal.aws.rules import matches, one_of, rules

SERVICE = AwsService(
    client="acm",
    retag=call("add_tags_to_certificate", CertificateArn="id", Tags="tags"),
    untag=call("remove_tags_from_certificate", CertificateArn="id", Tags="removed[].{Key: @}"),
    tags=call("list_tags_for_certificate", CertificateArn="id", result="Tags"),
    types={
        "aws:acm/certificate:Certificate": AwsType(
            create=create("request_certificate"),
            id="answer.CertificateArn",
            read=call("describe_certificate", CertificateArn="id", result="Certificate"),
            delete=call("delete_certificate", CertificateArn="id"),
            names={"validationOptions": "DomainValidationOptions"},
            observe={
                # AWS lists the domain itself among the alternative names.
                "subjectAlternativeNames": (
                    "contains(inputs.subjectAlternativeNames, inputs.domainName) && seen.SubjectAlternativeNames"
                    " || seen.SubjectAlternativeNames[?@!=$inputs.domainName]"
                ),
                "validationMethod": "seen.DomainValidationOptions[0].ValidationMethod",
            },
            outputs={
                "arn": "id",
                "domainValidationOptions": (
                    "sort_by(seen.DomainValidationOptions, &DomainName)[].{domainName: DomainName,"
                    " resourceRecordName: ResourceRecord.Name, resourceRecordType: ResourceRecord.Type,"
                    " resourceRecordValue: ResourceRecord.Value}"
                ),
            },
            check=rules(
                matches("domainName", r"(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}", "a domain name, or one that begins with *."),
                one_of("validationMethod", "DNS", "EMAIL"),
            ),
        ),
        # No call of its own: it is there when the certificate is, and refuses one that is not.
        "aws:acm/certificateValidation:CertificateValidation": AwsType(
            create=(
                _issued := call(
                    "describe_certificate",
                    CertificateArn="inputs.certificateArn",
                    result="[Certificate][?Status=='ISSUED'] | [0]",
                )
            ),
            id="inputs.certificateArn",
            read=_issued,
            unsent=frozenset({"validationRecordFqdns"}),
        ),
    },
)
