"""Identities and secrets in the cluster: an account per workload, and secrets that only External Secrets writes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy.kubernetes_objects import (
    APPLICATION,
    CLUSTER_SECRET_STORE,
    CONFIG_MAP,
    EXTERNAL_SECRET,
    PODS,
    SECRET,
    SERVICE_ACCOUNT,
    annotation,
    at,
    chart_keys,
    containers,
    each,
    name_of,
    namespace_of,
    pod_spec,
    spec_of,
)
from policy.rules.model import Resource, ResourceRule, Rule, Severity, Stack, StackRule

PARAMETER = "aws:ssm/parameter:Parameter"
ROLE = "aws:iam/role:Role"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"

SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY)", re.IGNORECASE)
POINTS_ELSEWHERE = re.compile(r"(_FILE|_PATH|_DIR|_NAME|_TTL|_SECONDS|_URL|_AUDIENCE)$|^SECRETS$", re.IGNORECASE)
"""Names that say where a secret is, or how long it lives, and hold none."""

SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s:@$]+@"
    r"|^\s*(requirepass|masterauth)\s+[^\s$]"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.",
    re.MULTILINE,
)
"""What is a secret wherever it stands: a private key, an access key, a token, a password in an address or for Redis."""

DURATION = re.compile(r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?")
DAY = 24 * 60 * 60


def _default_account(resource: Resource) -> Iterable[str]:
    found = at(pod_spec(resource), "serviceAccountName")
    if found in {None, "", "default"}:
        yield f"it runs as the account {found or 'default'}, which every pod of the namespace may be"


def _accounts(stack: Stack) -> dict[tuple[str, str], list[Resource]]:
    used: defaultdict[tuple[str, str], list[Resource]] = defaultdict(list)
    for workload in stack.of(*PODS):
        if account := at(pod_spec(workload), "serviceAccountName"):
            used[namespace_of(workload), account].append(workload)
    return used


def _shared_accounts(stack: Stack) -> Iterable[tuple[Resource, str]]:
    known = {(namespace_of(one), name_of(one)) for one in stack.of(SERVICE_ACCOUNT)}
    for (namespace, account), workloads in _accounts(stack).items():
        for workload in workloads[1:]:
            yield workload, f"it runs as {namespace}/{account}, as does {name_of(workloads[0])}"
        if account != "default" and (namespace, account) not in known:
            yield workloads[0], f"it runs as {namespace}/{account}, which is no ServiceAccount of this stack"


def _foreign_roles(stack: Stack) -> Iterable[tuple[Resource, str]]:
    roles = stack.of(ROLE)
    known = {str(one.outputs.get("arn") or f":role/{one.props['name']}") for one in roles}
    for where, arn in _bound_roles(stack):
        if not any(arn.endswith(one) for one in known):
            yield where, f"{ROLE_ANNOTATION} is {arn}, which is no role of this stack"


def _bound_roles(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Each role that an account of the cluster may take."""
    for account in stack.of(SERVICE_ACCOUNT):
        if arn := annotation(account, ROLE_ANNOTATION):
            yield account, arn
    for application in stack.of(APPLICATION):
        for _, _, key, value in chart_keys(application):
            if key == ROLE_ANNOTATION:
                yield application, str(value)


def _account_has_a_token(resource: Resource) -> Iterable[str]:
    found = at(resource.props, "automountServiceAccountToken")
    if found is not False:
        yield f"automountServiceAccountToken is {found}, not false"
    if each(resource.props, "secrets"):
        yield "it lists Secrets: tokens that never end"


def _holds_secrets_in_its_environment(resource: Resource) -> Iterable[str]:
    for container in containers(resource):
        for found in _secret_variables(container):
            yield f"container {at(container, 'name')}: {found}"


def _secret_variables(container: Mapping[str, Any]) -> Iterator[str]:
    for variable in each(container, "env"):
        name = str(at(variable, "name"))
        if at(variable, "valueFrom", "secretKeyRef"):
            yield f"the variable {name} holds a key of a Secret"
        elif SECRET_NAME.search(name) and not POINTS_ELSEWHERE.search(name) and at(variable, "value"):
            yield f"the variable {name} holds its value in the manifest"
        elif SECRET_TEXT.search(str(at(variable, "value") or "")):
            yield f"the variable {name} holds what looks like a secret"
    for source in each(container, "envFrom"):
        if at(source, "secretRef"):
            yield f"all of the Secret {at(source, 'secretRef', 'name')} is in its environment"
    for word in [*each(container, "command"), *each(container, "args")]:
        if SECRET_TEXT.search(str(word)):
            yield "its command line holds what looks like a secret"


def _is_a_secret_in_the_manifest(resource: Resource) -> Iterable[str]:
    for field in ("data", "stringData", "binaryData"):
        values = at(resource.props, field) or {}
        for key in values:
            if resource.type == SECRET:
                yield f"{field}.{key} is a Secret's value, in a manifest that lies in Git"
            elif SECRET_TEXT.search(str(values[key])):
                yield f"{field}.{key} holds what looks like a secret"


def _template_holds_secrets(resource: Resource) -> Iterable[str]:
    values = at(spec_of(resource), "target", "template", "data") or {}
    for key in values:
        if (SECRET_NAME.search(key) and "{{" not in values[key]) or SECRET_TEXT.search(values[key]):
            yield f"target.template.data.{key} is written out, and not fetched"


def _seconds(duration: str) -> int | None:
    """A duration of Kubernetes (`1h30m`) in seconds; None for what is none."""
    found = DURATION.fullmatch(duration)
    if not duration or found is None:
        return None
    return sum(int(found[unit] or 0) * size for unit, size in (("h", 3600), ("m", 60), ("s", 1)))


def _is_fetched_once(resource: Resource) -> Iterable[str]:
    spec = spec_of(resource)
    interval = str(at(spec, "refreshInterval") or "")
    seconds = _seconds(interval)
    if at(spec, "refreshPolicy") not in {None, "Periodic"}:
        yield f"refreshPolicy is {at(spec, 'refreshPolicy')}: a rotated secret never arrives"
    elif not seconds or seconds > DAY:
        yield f"refreshInterval is {interval or 'not set'}: a rotated secret arrives after a day, or never"


def _store_serves_everybody(resource: Resource) -> Iterable[str]:
    conditions = each(spec_of(resource), "conditions")
    if not conditions:
        yield "it has no conditions: every namespace may read every parameter"
    for condition in conditions:
        for key in ("namespaceSelector", "namespaceRegexes"):
            if key in condition:
                yield f"a condition goes by {key}: whoever labels or names a namespace lets it in"
        if "*" in list(each(condition, "namespaces")):
            yield "a condition takes every namespace"


def _stores(stack: Stack) -> dict[str, frozenset[str]]:
    """The namespaces that each store serves."""
    return {
        name_of(store): frozenset(
            name for condition in each(spec_of(store), "conditions") for name in each(condition, "namespaces")
        )
        for store in stack.of(CLUSTER_SECRET_STORE)
    }


def _unserved(stack: Stack) -> Iterable[tuple[Resource, str]]:
    stores = _stores(stack)
    for secret in stack.of(EXTERNAL_SECRET):
        store = at(spec_of(secret), "secretStoreRef", "name")
        if namespace_of(secret) not in stores.get(store, frozenset()):
            yield secret, f"the store {store} does not serve the namespace {namespace_of(secret)}"


def _idle_conditions(stack: Stack) -> Iterable[tuple[Resource, str]]:
    asking = {(at(spec_of(one), "secretStoreRef", "name"), namespace_of(one)) for one in stack.of(EXTERNAL_SECRET)}
    for store in stack.of(CLUSTER_SECRET_STORE):
        served = _stores(stack)[name_of(store)]
        if idle := sorted(one for one in served if (name_of(store), one) not in asking):
            yield store, f"it serves {', '.join(idle)}, where nothing is fetched"


def _unknown_parameters(stack: Stack) -> Iterable[tuple[Resource, str]]:
    secure = {one.props["name"] for one in stack.of(PARAMETER) if one.props.get("type") == "SecureString"}
    for secret in stack.of(EXTERNAL_SECRET):
        if each(spec_of(secret), "dataFrom"):
            yield secret, "dataFrom takes whatever has a name like it"
        for entry in each(spec_of(secret), "data"):
            if (key := at(entry, "remoteRef", "key")) not in secure:
                yield secret, f"{at(entry, 'secretKey')} is read from {key}, which is no SecureString of this stack"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="kubernetes-own-service-account",
        title="A pod runs as an account of its own",
        controls=("CIS Kubernetes 1.12 5.1.5",),
        severity=Severity.MEDIUM,
        remedy="Make a ServiceAccount for the workload, and name it in serviceAccountName.",
        types=PODS,
        check=_default_account,
    ),
    StackRule(
        name="kubernetes-service-account-not-shared",
        title="No two workloads are one account: the mesh and AWS tell callers apart by it",
        controls=("CIS Kubernetes 1.12 5.1.5", "Istio security best practices: Authorization policies"),
        severity=Severity.MEDIUM,
        remedy="Give each workload a ServiceAccount of its name.",
        check=_shared_accounts,
    ),
    ResourceRule(
        name="kubernetes-service-account-without-token",
        title="An account hands out no token unless a pod asks for one",
        controls=(
            "CIS Kubernetes 1.12 5.1.6",
            "NSA/CISA Kubernetes Hardening Guide 1.2: Protecting Pod service account tokens",
        ),
        severity=Severity.MEDIUM,
        remedy="Set automountServiceAccountToken: false on the ServiceAccount.",
        types=frozenset({SERVICE_ACCOUNT}),
        check=_account_has_a_token,
    ),
    StackRule(
        name="kubernetes-role-known",
        title="An account of the cluster takes a role of the same stack",
        controls=("AWS Well-Architected SEC03-BP02 Grant least privilege access", "CIS Kubernetes 1.12 5.1.5"),
        severity=Severity.HIGH,
        remedy="Name the role that the system makes for this account.",
        check=_foreign_roles,
    ),
    ResourceRule(
        name="kubernetes-no-secret-in-environment",
        title="Secrets are files, never variables or words of a command line",
        controls=("CIS Kubernetes 1.12 5.4.1", "Kubescape C-0012"),
        severity=Severity.HIGH,
        remedy="Mount the Secret as files, and give the program the file's path in a variable that ends in _FILE.",
        types=PODS,
        check=_holds_secrets_in_its_environment,
    ),
    ResourceRule(
        name="kubernetes-no-secret-in-manifest",
        title="No manifest holds a secret",
        controls=("CIS Kubernetes 1.12 5.4.2", "Kubescape C-0012"),
        severity=Severity.CRITICAL,
        remedy="Keep the value in a SecureString parameter, and fetch it with an ExternalSecret. Rotate what was in Git.",
        types=frozenset({SECRET, CONFIG_MAP}),
        check=_is_a_secret_in_the_manifest,
    ),
    ResourceRule(
        name="kubernetes-external-secret-not-written-out",
        title="An ExternalSecret's template adds no secret of its own",
        controls=("CIS Kubernetes 1.12 5.4.2", "Kubescape C-0012"),
        severity=Severity.CRITICAL,
        remedy="Fetch the value in `data`, and refer to it in the template with {{ .key }}. Rotate what was in Git.",
        types=frozenset({EXTERNAL_SECRET}),
        check=_template_holds_secrets,
    ),
    ResourceRule(
        name="kubernetes-external-secret-refreshed",
        title="A rotated secret arrives within a day",
        controls=("CIS Kubernetes 1.12 5.4.2", "NSA/CISA Kubernetes Hardening Guide 1.2: Secrets"),
        severity=Severity.MEDIUM,
        remedy="Set refreshInterval to an hour, and no refreshPolicy.",
        types=frozenset({EXTERNAL_SECRET}),
        check=_is_fetched_once,
    ),
    ResourceRule(
        name="kubernetes-secret-store-scoped",
        title="A store for the cluster serves namespaces that it lists",
        controls=("External Secrets: Security Best Practices",),
        severity=Severity.HIGH,
        remedy="List the namespaces by name in spec.conditions.",
        types=frozenset({CLUSTER_SECRET_STORE}),
        check=_store_serves_everybody,
    ),
    StackRule(
        name="kubernetes-secret-store-serves",
        title="An ExternalSecret asks a store that serves its namespace",
        controls=("External Secrets: Security Best Practices",),
        severity=Severity.MEDIUM,
        remedy="Name the system's store, and list the namespace in its conditions.",
        check=_unserved,
    ),
    StackRule(
        name="kubernetes-secret-store-not-idle",
        title="A store serves no namespace that fetches nothing",
        controls=("External Secrets: Security Best Practices",),
        severity=Severity.MEDIUM,
        remedy="Take the namespace off the store's conditions.",
        check=_idle_conditions,
    ),
    StackRule(
        name="kubernetes-external-secret-known",
        title="What is fetched is an encrypted parameter of the same stack",
        controls=("CIS Kubernetes 1.12 5.4.2", "AWS Well-Architected SEC02-BP03 Store and use secrets securely"),
        severity=Severity.HIGH,
        remedy="Name a SecureString parameter of this stack in remoteRef.key, one by one; no dataFrom.",
        check=_unknown_parameters,
    ),
)
