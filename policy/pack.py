"""The rules as policies of Pulumi's engine: the same checks, exemptions and words as in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pulumi_policy
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policy.exemptions import Exemption
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule
from policy.run import Finding, of_resource, of_stack, with_exemption

_SEVERITIES = {
    Severity.LOW: pulumi_policy.Severity.LOW,
    Severity.MEDIUM: pulumi_policy.Severity.MEDIUM,
    Severity.HIGH: pulumi_policy.Severity.HIGH,
    Severity.CRITICAL: pulumi_policy.Severity.CRITICAL,
}


class PolicyOfTypes(ResourceValidationPolicy):
    """One that has something to say of resources of these types alone; `None` is every type."""

    def __init__(self, types: frozenset[str], **described: Any) -> None:
        super().__init__(**described)
        self.types: frozenset[str] | None = types


class Pack:
    """Makes a policy of each rule; one pack serves one run of the engine.

    The engine shows a stack's policy the outputs of resources alone. Their inputs, which rules read, it has shown to the policies
    of single resources before: they are kept until then.
    """

    def __init__(self, rules: Sequence[Rule], exemptions: Sequence[Exemption], today: date) -> None:
        self._rules = rules
        self._exemptions = exemptions
        self._today = today
        self._inputs: dict[str, Mapping[str, Any]] = {}
        self._unsure: set[str] = set()
        self._stack: tuple[list[Any], Stack] = [], Stack(())

    def policies(self) -> list[Policy]:
        """One of each rule; the first that looks at single resources is shown all of them, whose inputs it keeps."""
        found = [self._policy(rule) for rule in self._rules]
        for policy in [one for one in found if isinstance(one, PolicyOfTypes)][:1]:
            policy.types = None
        return found

    def _policy(self, rule: Rule) -> Policy:
        described: dict[str, Any] = {
            "name": rule.name,
            "description": rule.title,
            "enforcement_level": EnforcementLevel.MANDATORY if rule.mandatory else EnforcementLevel.ADVISORY,
            "severity": _SEVERITIES[rule.severity],
            "framework": PolicyComplianceFramework(name=rule.controls[0], specification="; ".join(rule.controls)),
            "remediation_steps": rule.remedy,
        }
        match rule:
            case ResourceRule():
                return PolicyOfTypes(rule.types, validate=self._on_resource(rule), **described)
            case StackRule():
                return StackValidationPolicy(validate=self._on_stack(rule), **described)
            case _:
                raise TypeError(f"rule '{rule.name}' looks neither at resources nor at stacks")

    def _on_resource(self, rule: ResourceRule) -> Any:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            self._inputs[args.urn] = args.props
            if args.resource_type in rule.types:
                resource = Resource(
                    urn=args.urn,
                    type=args.resource_type,
                    name=args.name,
                    parent=args.opts.parent or "",
                    protect=bool(args.opts.protect),
                    props=args.props,
                )
                self._report(rule, of_resource(rule, resource), report)

        return validate

    def _on_stack(self, rule: StackRule) -> Any:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            self._report(rule, of_stack(rule, self._all(args.resources)), report)

        return validate

    def _all(self, resources: Sequence[PolicyResource]) -> Stack:
        """The same for all rules that are shown the same: it is their properties that `resources_read_once` reads once."""
        shown, stack = self._stack
        if len(shown) != len(resources) or any(a is not b.props for a, b in zip(shown, resources, strict=True)):
            stack = Stack(map(self._seen, resources))
            self._stack = [one.props for one in resources], stack
        return stack

    def _seen(self, resource: PolicyResource) -> Resource:
        return Resource(
            urn=resource.urn,
            type=resource.resource_type,
            name=resource.name,
            parent=resource.parent.urn if resource.parent else "",
            protect=bool(resource.opts.protect),
            props=self._inputs.get(resource.urn, resource.props),
            outputs=resource.props,
        )

    def _report(self, rule: Rule, findings: Iterable[Finding], report: ReportViolation) -> None:
        """What no exemption covers. That it cannot be said yet, the engine says: once for a rule, not for each resource."""
        try:
            for found in findings:
                finding = with_exemption(found, self._exemptions, self._today)
                if finding.exemption is None:
                    once = f" (exempted until {finding.expired.expires})" if finding.expired else ""
                    report(f"{finding.message}{once}. To mend it: {rule.remedy}", finding.resource.urn)
        except UnknownValueError:
            if rule.name not in self._unsure:
                self._unsure.add(rule.name)
                raise
