"""IAM: what roles may do, and who may become one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from policy.aws_types import POLICY, POLICY_ATTACHMENT, ROLE, ROLE_POLICY
from policy.checks import each, shown
from policy.iam_documents import ANYBODY, Statement, account_of, statements
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

PERMISSIONS = frozenset({POLICY, ROLE, ROLE_POLICY})
"""A role may hold policies in itself."""

WITHOUT_RESOURCE_LEVEL = (
    r"\w+:(Describe|List)\w*",
    r"(ssmmessages|ec2messages):\w+",
    r"acm:RequestCertificate",
    r"cloudfront:Create(Distribution|OriginAccessControl|ResponseHeadersPolicy)",
    r"ecr:GetAuthorizationToken",
    r"ec2:GetInstanceTypesFromInstanceRequirements",
    r"ec2:GetSecurityGroupsForVpc",
    r"kms:CreateKey",
    r"logs:(Create|Delete|Get|Update)LogDelivery",
    r"logs:PutResourcePolicy",
    r"route53:CreateHostedZone",
    r"ssm:GetCommandInvocation",
    r"ssm:UpdateInstanceInformation",
    r"sts:GetCallerIdentity",
    r"tag:GetResources",
    r"wafv2:GetWebACL(ForResource)?",
)
"""Actions that AWS allows for all resources or for none, and some that only tell how something is set up."""

IAM_CHANGES = (
    "iam:AttachRolePolicy",
    "iam:CreateAccessKey",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
)
"""With one of these a role can give itself whatever it lacks."""

DECRYPTION = ("kms:Decrypt", "kms:ReEncryptFrom")
SECRETS = (
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:GetParameterHistory",
)

WITH_A_RULE_OF_THEIR_OWN = re.compile(r"(?i)\*.*|\w+:\*|iam:passrole|" + "|".join((*DECRYPTION, *SECRETS)))

BROAD_MANAGED = re.compile(r"arn:aws:iam::aws:policy/(?:[\w-]+/)?(AdministratorAccess.*|PowerUserAccess|\w*FullAccess)")
SUBJECTS = re.compile(
    r"repo:[A-Za-z0-9][A-Za-z0-9-]*/[^\s]+|system:serviceaccount:[a-z0-9-]+:[a-z0-9-]+|(?!repo:|system:)[^*?]+"
)
"""GitHub: an owner at least. Kubernetes: one account of one namespace. Any other issuer: no wildcard."""

WHOLE_ACCOUNT = re.compile(r"\d{12}|arn:aws[\w-]*:iam::\d{12}:root")
OF_ORGANIZATION = ("aws:PrincipalOrgID", "aws:PrincipalOrgPaths")

EC2 = "ec2.amazonaws.com"
"""The one service that assumes roles for instances of the account itself alone, and sends no source."""

_IAM_ROOM = "infra/components/aws/iam.py"
_FEDERATION_ROOM = "infra/components/aws/federation.py"

Says = Callable[[Statement], Iterator[str]]


def _permitting(says: Says) -> Callable[[Resource], Iterator[str]]:
    """What is said of each statement that permits something."""

    def check(resource: Resource) -> Iterator[str]:
        inline = [policy.get("policy") for policy in each(resource.props, "inlinePolicies")]
        for document in inline if resource.type == ROLE else [resource.props.get("policy")]:
            for one in statements(document):
                if one.allows:
                    yield from says(one)

    return check


def _trusting(says: Says) -> Callable[[Resource], Iterator[str]]:
    """What is said of each statement that lets somebody become the role."""

    def check(resource: Resource) -> Iterator[str]:
        for one in statements(resource.props.get("assumeRolePolicy")):
            if one.allows:
                yield from says(one)

    return check


def _is_all(action: str) -> bool:
    return action in ("*", "*:*")


def _administrates(one: Statement) -> Iterator[str]:
    if any(map(_is_all, one.actions)) and ANYBODY in one.resources:
        yield "it allows every action on every resource"


def _whole_services(one: Statement) -> Iterator[str]:
    for action in one.actions:
        admin = _is_all(action) and ANYBODY in one.resources
        if not admin and (action == "*" or action.endswith(":*")):
            yield f"it allows {action} on {', '.join(one.resources)}"


def _negates(one: Statement) -> Iterator[str]:
    if one.not_actions:
        yield f"it allows all but {', '.join(one.not_actions)}"
    if one.not_resources:
        yield f"it allows {one.label} on all but {', '.join(one.not_resources)}"


def _everywhere(one: Statement) -> Iterator[str]:
    if ANYBODY not in one.resources or one.conditions:
        return
    wide = [
        action
        for action in one.actions
        if not any(re.fullmatch(pattern, action) for pattern in WITHOUT_RESOURCE_LEVEL)
        and not WITH_A_RULE_OF_THEIR_OWN.fullmatch(action)
    ]
    if wide:
        yield f"it allows {', '.join(wide)} on every resource"


def _passes_any_role(one: Statement) -> Iterator[str]:
    wide = [resource for resource in one.resources if resource == ANYBODY or resource.endswith((":role/*", ":*"))]
    if any(action.lower() == "iam:passrole" for action in one.actions) and wide:
        yield f"it allows iam:PassRole on {', '.join(wide)}"


def _decrypts_anything(one: Statement) -> Iterator[str]:
    named = [action for action in one.actions if action in DECRYPTION]
    wide = [resource for resource in one.resources if resource == ANYBODY or resource.endswith((":key/*", ":alias/*"))]
    if named and wide and not one.is_bound_by("kms:ResourceAliases", "aws:ResourceTag/"):
        yield f"it allows {', '.join(named)} with {', '.join(wide)}"


def _reads_every_secret(one: Statement) -> Iterator[str]:
    named = [action for action in one.actions if action in SECRETS]
    wide = [
        resource
        for resource in one.resources
        if resource == ANYBODY or resource.endswith((":parameter/*", ":secret:*"))
    ]
    if named and wide:
        yield f"it allows {', '.join(named)} on {', '.join(wide)}"


def _changes_iam(one: Statement) -> Iterator[str]:
    """A role that hands out a boundary with whatever it makes cannot give more than the boundary."""
    if any(map(_is_all, one.actions)) or "iam:*" in one.actions or one.is_bound_by("iam:PermissionsBoundary"):
        return
    granted = [action for action in IAM_CHANGES if one.grants(action)]
    if granted:
        yield f"it allows {', '.join(granted)}"


def _broadly_managed(resource: Resource) -> Iterator[str]:
    for arn in map(str, (resource.props.get("policyArn"), *each(resource.props, "managedPolicyArns"))):
        if BROAD_MANAGED.fullmatch(arn):
            yield f"it attaches {arn.rsplit('/', 1)[-1]}"


def _trusts_anybody(one: Statement) -> Iterator[str]:
    if one.is_for_anybody:
        yield "anybody in the world may assume it"
    if one.not_principals:
        yield "anybody but those named may assume it"


def _trusts_whole_account(one: Statement) -> Iterator[str]:
    whole = [value for kind, value in one.principals if kind == "AWS" and WHOLE_ACCOUNT.fullmatch(value)]
    if whole and not one.is_bound_by("sts:ExternalId", "aws:PrincipalArn", *OF_ORGANIZATION):
        yield f"whoever {', '.join(whole)} lets may assume it"


def _trusts_strangers(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Whole accounts are another rule's, which needs no account to compare with."""
    for role in stack.of(ROLE):
        own = account_of(str(role.outputs.get("arn")))
        for one in statements(role.props.get("assumeRolePolicy")) if own else ():
            strangers = [
                value
                for kind, value in one.principals
                if kind == "AWS" and account_of(value) not in ("", own) and not WHOLE_ACCOUNT.fullmatch(value)
            ]
            if one.allows and strangers and not one.is_bound_by("sts:ExternalId", *OF_ORGANIZATION):
                yield role, f"another account's {', '.join(strangers)} may assume it"


def _federated(one: Statement) -> str:
    """The OIDC issuer, as condition keys begin."""
    found = [value for kind, value in one.principals if kind == "Federated" and ":oidc-provider/" in value]
    return found[0].split(":oidc-provider/", 1)[1] if found else ""


def _trusts_any_audience(one: Statement) -> Iterator[str]:
    issuer = _federated(one)
    audiences = one.condition(f"{issuer}:aud")
    if issuer and audiences != ("sts.amazonaws.com",):
        yield f"tokens of {issuer} are taken for the audience {shown(list(audiences))}"


def _trusts_any_subject(one: Statement) -> Iterator[str]:
    issuer = _federated(one)
    subjects = one.condition(f"{issuer}:sub")
    if issuer and not subjects:
        yield f"any subject of {issuer} may assume it"
    for subject in subjects if issuer else ():
        if not SUBJECTS.fullmatch(subject):
            yield f"too many subjects of {issuer} may assume it: '{subject}'"


def _trusts_subjects_like(one: Statement) -> Iterator[str]:
    """Of those that name an owner; the others are another rule's."""
    issuer = _federated(one)
    for subject in one.condition(f"{issuer}:sub") if issuer else ():
        if set("*?") & set(subject) and SUBJECTS.fullmatch(subject):
            yield f"whoever makes a subject of {issuer} like '{subject}' may assume it"


def _trusts_for_any_account(one: Statement) -> Iterator[str]:
    services = [value for kind, value in one.principals if kind == "Service" and value != EC2]
    if services and not one.condition("aws:SourceAccount", "aws:SourceArn"):
        yield f"{', '.join(services)} may assume it on behalf of any account"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="iam-no-administrator",
        title="No policy allows everything on everything",
        controls=("AWS FSBP IAM.1", "CIS AWS 3.0 1.16"),
        severity=Severity.CRITICAL,
        remedy=f"name the actions and the resources ({_IAM_ROOM}: allow)",
        types=PERMISSIONS,
        check=_permitting(_administrates),
    ),
    ResourceRule(
        name="iam-no-service-wildcard",
        title="No policy allows all of a service's actions",
        controls=("AWS FSBP IAM.21",),
        severity=Severity.MEDIUM,
        remedy=f"name the actions ({_IAM_ROOM}: allow)",
        types=PERMISSIONS,
        check=_permitting(_whole_services),
    ),
    ResourceRule(
        name="iam-no-negation",
        title="No policy allows all but something",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.HIGH,
        remedy="name what is allowed; what AWS adds tomorrow would be allowed too",
        types=PERMISSIONS,
        check=_permitting(_negates),
    ),
    ResourceRule(
        name="iam-named-resources",
        title="Actions that have a resource level are allowed on named resources",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.HIGH,
        remedy="name the ARNs, or add a condition on a tag",
        types=PERMISSIONS,
        check=_permitting(_everywhere),
    ),
    ResourceRule(
        name="iam-pass-role-named",
        title="Roles that may be passed on are named",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.CRITICAL,
        remedy="name the role's ARN, and the service in a condition on iam:PassedToService",
        types=PERMISSIONS,
        check=_permitting(_passes_any_role),
    ),
    ResourceRule(
        name="iam-decrypt-named",
        title="Keys that may be used for decryption are named",
        controls=("AWS FSBP KMS.1", "AWS FSBP KMS.2"),
        severity=Severity.MEDIUM,
        remedy="name the system's key (infra/components/aws/encryption.py)",
        types=PERMISSIONS,
        check=_permitting(_decrypts_anything),
    ),
    ResourceRule(
        name="iam-secrets-named",
        title="Secrets that may be read are named, by a path of the system at least",
        controls=("AWS Well-Architected SEC02-BP03 Store and use secrets securely",),
        severity=Severity.HIGH,
        remedy="end the ARN with the system's path: parameter/<system>/<stack>/*",
        types=PERMISSIONS,
        check=_permitting(_reads_every_secret),
    ),
    ResourceRule(
        name="iam-no-escalation",
        title="No role can change what roles may do",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.CRITICAL,
        remedy="leave changes of IAM to the role that runs Pulumi, with a permissions boundary",
        types=PERMISSIONS,
        check=_permitting(_changes_iam),
    ),
    ResourceRule(
        name="iam-no-broad-managed-policy",
        title="No role has one of AWS's policies that allow everything, or all of a service",
        controls=("AWS FSBP IAM.1", "CIS AWS 3.0 1.16", "CIS AWS 3.0 1.22"),
        severity=Severity.HIGH,
        remedy="write a policy for what the role does",
        types=frozenset({POLICY_ATTACHMENT, ROLE}),
        check=_broadly_managed,
    ),
    ResourceRule(
        name="iam-trust-named",
        title="Roles are assumed by those who are named",
        controls=("AWS Well-Architected SEC03-BP07 Analyze public and cross-account access",),
        severity=Severity.CRITICAL,
        remedy="name the principal in the trust policy",
        types=frozenset({ROLE}),
        check=_trusting(_trusts_anybody),
    ),
    ResourceRule(
        name="iam-trust-no-whole-account",
        title="Roles are assumed by roles and users that are named, not by whoever an account lets",
        controls=("AWS Well-Architected SEC03-BP07 Analyze public and cross-account access",),
        severity=Severity.HIGH,
        remedy="name the ARNs of the roles; where another company says which, a condition on sts:ExternalId",
        types=frozenset({ROLE}),
        check=_trusting(_trusts_whole_account),
    ),
    StackRule(
        name="iam-trust-other-accounts",
        title="Other accounts' roles and users assume ours with an external ID, or as ones of the organization",
        controls=("AWS Well-Architected SEC03-BP09 Share resources securely with a third party",),
        severity=Severity.HIGH,
        remedy="add a condition on sts:ExternalId or aws:PrincipalOrgID to the trust policy",
        check=_trusts_strangers,
    ),
    ResourceRule(
        name="iam-trust-audience",
        title="Tokens of an identity provider are taken if they are meant for AWS STS",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.HIGH,
        remedy=f"{_FEDERATION_ROOM}: StringEquals on <issuer>:aud",
        types=frozenset({ROLE}),
        check=_trusting(_trusts_any_audience),
    ),
    ResourceRule(
        name="iam-trust-subject",
        title="Tokens of an identity provider are taken of named owners or service accounts",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.CRITICAL,
        remedy=f"{_FEDERATION_ROOM}: a condition on <issuer>:sub with repo:<owner>/… or system:serviceaccount:<namespace>:<name>",
        types=frozenset({ROLE}),
        check=_trusting(_trusts_any_subject),
    ),
    ResourceRule(
        name="iam-trust-subject-exact",
        title="Tokens of an identity provider are taken of subjects that are written out",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access",),
        severity=Severity.HIGH,
        remedy=f"{_FEDERATION_ROOM}: name the repository and its environment, repo:<owner>/<name>:environment:<environment>",
        types=frozenset({ROLE}),
        check=_trusting(_trusts_subjects_like),
    ),
    ResourceRule(
        name="iam-trust-own-account",
        title="AWS services assume roles on behalf of this account only",
        controls=("AWS Well-Architected SEC03-BP07 Analyze public and cross-account access",),
        severity=Severity.MEDIUM,
        remedy="add a condition on aws:SourceAccount or aws:SourceArn to the trust policy",
        types=frozenset({ROLE}),
        check=_trusting(_trusts_for_any_account),
    ),
)
