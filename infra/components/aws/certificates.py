"""TLS certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pulumi
import pulumi_aws as aws

from infra.components.component import PlatformComponent
from infra.tags import Tags, named

VALIDATION_TTL = 300
Option = aws.acm.outputs.CertificateDomainValidationOption


class Certificate(PlatformComponent):
    """An ACM certificate for one host, validated by DNS. CloudFront takes it from us-east-1 only, an ALB from its own region.

    `arn` is that of the validated certificate: who uses it waits for the validation. ACM asks for one proof of an account's host,
    whatever the region: without a `zone_id` the record is another certificate's.
    Resources: Certificate, Record with a `zone_id`, CertificateValidation.
    """

    pulumi_type: ClassVar[str] = "platform:aws:Certificate"
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        host: str,
        *,
        zone_id: pulumi.Input[str] | None,
        region: str,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, opts)
        certificate = aws.acm.Certificate(
            f"{name}-certificate",
            domain_name=host,
            validation_method="DNS",
            region=region,
            tags=named(tags, host),
            opts=self.child,
        )
        proof = certificate.domain_validation_options.apply(_only)
        proven = proof.apply(lambda option: option.resource_record_name or "")
        if zone_id is not None:
            proven = aws.route53.Record(
                f"{name}-validation",
                zone_id=zone_id,
                name=proven,
                type=proof.apply(lambda option: option.resource_record_type or ""),
                records=[proof.apply(lambda option: option.resource_record_value or "")],
                ttl=VALIDATION_TTL,
                opts=self.child,
            ).fqdn
        validated = aws.acm.CertificateValidation(
            f"{name}-validated",
            certificate_arn=certificate.arn,
            validation_record_fqdns=[proven],
            region=region,
            opts=self.child,
        )
        self.arn = validated.certificate_arn
        self.register_outputs({"arn": self.arn})


def _only(options: Sequence[Option] | None) -> Option:
    """The one proof of a certificate for one host; of a certificate that an update with `--target` leaves out nothing is known."""
    return options[0] if options else Option()
