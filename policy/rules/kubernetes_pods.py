"""Pods keep to the restricted Pod Security Standard, and to what it leaves open: images, files, tokens, limits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from policy.kubernetes_objects import (
    PODS,
    SERVERS,
    at,
    containers,
    each,
    everywhere,
    in_each_container,
    number,
    pod_spec,
)
from policy.rules.model import Resource, ResourceRule, Rule, Severity

VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
"""The kinds that the restricted standard lets a pod mount."""

SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
"""Those that Kubernetes keeps apart per pod."""

SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})

REGISTRY = re.compile(r"(\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com|public\.ecr\.aws)(:443)?")
"""The account's own registry, and AWS's mirror of public images."""

DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
RELEASE = re.compile(r"^[^@]+:(?P<tag>[\w][\w.-]*)(@sha256:[0-9a-f]{64})?$")
NOT_A_RELEASE = frozenset({"latest", "stable", "main", "master", "edge", "nightly", "dev"})

WORLD = 0o007
FILE_MODE = 0o644
"""What Kubernetes gives a Secret's files when nothing is said."""


def _inherited(container: Mapping[str, Any], pod: Mapping[str, Any], *keys: str) -> Any:
    """A security setting of the container, or the pod's, which it inherits."""
    own = at(container, "securityContext", *keys)
    return at(pod, "securityContext", *keys) if own is None else own


def _runs_as_root(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    found = _inherited(container, pod, "runAsNonRoot")
    if found is not True:
        yield f"runAsNonRoot is {found}, not true"


def _is_root(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    for key in ("runAsUser", "runAsGroup"):
        if _inherited(container, pod, key) == 0:
            yield f"{key} is 0, root's"


def _has_roots_group(resource: Resource) -> Iterable[str]:
    yield from in_each_container(_is_root)(resource)
    context = at(pod_spec(resource), "securityContext") or {}
    if at(context, "fsGroup") == 0 or 0 in list(each(context, "supplementalGroups")):
        yield "its files belong to group 0, root's"


def _escalates(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    found = at(container, "securityContext", "allowPrivilegeEscalation")
    if found is not False:
        yield f"allowPrivilegeEscalation is {found}, not false"


def _is_privileged(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    if at(container, "securityContext", "privileged"):
        yield "it is privileged"
    if _inherited(container, pod, "windowsOptions", "hostProcess"):
        yield "it is a process of the host (windowsOptions.hostProcess)"


def _has_capabilities(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    if "ALL" not in list(each(container, "securityContext", "capabilities", "drop")):
        yield "capabilities.drop does not have ALL"
    if added := sorted({*each(container, "securityContext", "capabilities", "add")} - {"NET_BIND_SERVICE"}):
        yield f"capabilities.add has {', '.join(added)}; NET_BIND_SERVICE is all that may be added"


def _is_unconfined(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    found = _inherited(container, pod, "seccompProfile", "type")
    if found not in {"RuntimeDefault", "Localhost"}:
        yield f"seccompProfile.type is {found}, not RuntimeDefault or Localhost"


def _weakens_the_kernels_protection(resource: Resource) -> Iterable[str]:
    for container in [pod_spec(resource), *containers(resource)]:
        context = at(container, "securityContext") or {}
        if at(context, "appArmorProfile", "type") == "Unconfined":
            yield "appArmorProfile.type is Unconfined"
        if at(context, "procMount") not in {None, "Default"}:
            yield f"procMount is {context['procMount']}, not Default"
        labels = at(context, "seLinuxOptions") or {}
        if at(labels, "user") or at(labels, "role") or (at(labels, "type") or "") not in SELINUX_TYPES:
            yield "seLinuxOptions names a user, a role or a type that is no container's"
        for sysctl in each(context, "sysctls"):
            if at(sysctl, "name") not in SAFE_SYSCTLS:
                yield f"the sysctl {at(sysctl, 'name')} is not one that is kept apart per pod"


def _writes_its_image(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    if at(container, "securityContext", "readOnlyRootFilesystem") is not True:
        yield "readOnlyRootFilesystem is not true"


def _shares_the_hosts_namespaces(resource: Resource) -> Iterable[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if at(pod_spec(resource), key):
            yield f"{key} is true"


def _takes_host_ports(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    for port in each(container, "ports"):
        if at(port, "hostPort"):
            yield f"it takes port {number(port['hostPort'])} of the host"


def _mounts_the_host(resource: Resource) -> Iterable[str]:
    for volume in each(pod_spec(resource), "volumes"):
        kinds = {key for key in volume if key != "name"}
        if wrong := sorted(kinds - VOLUMES):
            yield f"volume {at(volume, 'name')} is of kind {', '.join(wrong)}"


def _probes_elsewhere(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    asked = {key: container[key] for key in container if key == "lifecycle" or key.endswith("Probe")}
    for path, key, value in everywhere(asked):
        if key == "host" and value:
            yield f"{path} is {value}: the kubelet would ask another host than the pod"


def _image_is_not_pinned(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    image = str(at(container, "image") or "")
    release = RELEASE.match(image)
    if not DIGEST.search(image) and (release is None or release["tag"] in NOT_A_RELEASE):
        yield f"the image {image or '(none)'} names neither a release nor a digest"


def _image_has_no_digest(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    image = str(at(container, "image") or "")
    if not DIGEST.search(image):
        yield f"the image {image} is named by its tag alone"


PUBLISHED_ELSEWHERE = frozenset({"docker.io/envoyproxy/ratelimit"})
"""What its makers publish in one place, which AWS's mirror does not have."""


def _image_from_elsewhere(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    image = str(at(container, "image") or "")
    registry, _, rest = image.partition("/")
    if (not rest or not REGISTRY.fullmatch(registry)) and image.partition(":")[0] not in PUBLISHED_ELSEWHERE:
        yield f"the image {at(container, 'image')} comes from neither the account's registry nor public.ecr.aws"


def _is_unlimited(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterable[str]:
    for kind, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
        if not at(container, "resources", kind, what):
            yield f"resources.{kind}.{what} is not set"


def _scratch_is_unlimited(resource: Resource) -> Iterable[str]:
    for volume in each(pod_spec(resource), "volumes"):
        if "emptyDir" in volume and not at(volume, "emptyDir", "sizeLimit"):
            yield f"volume {at(volume, 'name')} may fill the node's disk or memory: emptyDir.sizeLimit is not set"


def _has_no_liveness_probe(resource: Resource) -> Iterable[str]:
    for container in each(pod_spec(resource), "containers"):
        if not at(container, "livenessProbe"):
            yield f"container {at(container, 'name')}: livenessProbe is not set"


def _has_no_readiness_probe(resource: Resource) -> Iterable[str]:
    for container in each(pod_spec(resource), "containers"):
        if each(container, "ports") and not at(container, "readinessProbe"):
            yield f"container {at(container, 'name')}: it serves a port, and readinessProbe is not set"


def _has_a_token(resource: Resource) -> Iterable[str]:
    found = at(pod_spec(resource), "automountServiceAccountToken")
    if found is not False:
        yield f"automountServiceAccountToken is {found}, not false"


def _has_readable_secrets(resource: Resource) -> Iterable[str]:
    volumes = [one for one in each(pod_spec(resource), "volumes") if "secret" in one]
    for volume in volumes:
        default = at(volume, "secret", "defaultMode")
        own = [at(item, "mode") for item in each(volume, "secret", "items")]
        modes = [FILE_MODE if default is None else default, *(mode for mode in own if mode is not None)]
        if any(int(mode) & WORLD for mode in modes):
            yield f"volume {at(volume, 'name')}: everybody in the container may read the Secret's files"
    for container in containers(resource):
        for mount in each(container, "volumeMounts"):
            if at(mount, "name") in [at(one, "name") for one in volumes] and at(mount, "readOnly") is not True:
                yield f"container {at(container, 'name')}: the Secret at {at(mount, 'mountPath')} is not mounted readOnly"


def _debugged(resource: Resource) -> Iterable[str]:
    for container in containers(resource):
        for key in ("stdin", "tty"):
            if at(container, key):
                yield f"container {at(container, 'name')}: {key} is true"
    if each(pod_spec(resource), "ephemeralContainers"):
        yield "it declares ephemeral containers"
    if at(pod_spec(resource), "shareProcessNamespace"):
        yield "shareProcessNamespace is true: its containers see each other's processes and files"


RULES: tuple[Rule, ...] = (
    ResourceRule(
        name="kubernetes-run-as-non-root",
        title="Containers are refused when they would run as root",
        controls=("PSS restricted: Running as Non-root (runAsNonRoot)", "CIS Kubernetes 1.12 5.2.7"),
        severity=Severity.HIGH,
        remedy="Set securityContext.runAsNonRoot: true on the pod, and give the image a user.",
        types=PODS,
        check=in_each_container(_runs_as_root),
    ),
    ResourceRule(
        name="kubernetes-no-root-user",
        title="No user or group of a pod is root's",
        controls=(
            "PSS restricted: Running as Non-root user (runAsUser)",
            "NSA/CISA Kubernetes Hardening Guide 1.2: Non-root containers",
        ),
        severity=Severity.HIGH,
        remedy="Set runAsUser, runAsGroup and fsGroup to the image's own number, above 0.",
        types=PODS,
        check=_has_roots_group,
    ),
    ResourceRule(
        name="kubernetes-no-privilege-escalation",
        title="A process gains no privileges that its parent has not",
        controls=("PSS restricted: Privilege Escalation (allowPrivilegeEscalation)", "CIS Kubernetes 1.12 5.2.6"),
        severity=Severity.HIGH,
        remedy="Set securityContext.allowPrivilegeEscalation: false on every container.",
        types=PODS,
        check=in_each_container(_escalates),
    ),
    ResourceRule(
        name="kubernetes-no-privileged-container",
        title="No container is privileged",
        controls=(
            "PSS baseline: Privileged Containers",
            "PSS baseline: HostProcess",
            "CIS Kubernetes 1.12 5.2.2, 5.2.10",
        ),
        severity=Severity.CRITICAL,
        remedy="Remove securityContext.privileged; what needs the host belongs into kube-system, with its own review.",
        types=PODS,
        check=in_each_container(_is_privileged),
    ),
    ResourceRule(
        name="kubernetes-capabilities-dropped",
        title="Containers give up all capabilities of the kernel",
        controls=("PSS restricted: Capabilities", "CIS Kubernetes 1.12 5.2.8, 5.2.9"),
        severity=Severity.HIGH,
        remedy="Set securityContext.capabilities.drop: [ALL], and add none but NET_BIND_SERVICE.",
        types=PODS,
        check=in_each_container(_has_capabilities),
    ),
    ResourceRule(
        name="kubernetes-seccomp-profile",
        title="Containers may make only the system calls of a seccomp profile",
        controls=("PSS restricted: Seccomp (seccompProfile)", "CIS Kubernetes 1.12 5.6.2"),
        severity=Severity.MEDIUM,
        remedy="Set securityContext.seccompProfile.type: RuntimeDefault on the pod.",
        types=PODS,
        check=in_each_container(_is_unconfined),
    ),
    ResourceRule(
        name="kubernetes-kernel-protection-kept",
        title="AppArmor, SELinux, /proc and sysctls stay as the runtime sets them",
        controls=(
            "PSS baseline: AppArmor",
            "PSS baseline: SELinux",
            "PSS baseline: /proc Mount Type",
            "PSS baseline: Sysctls",
        ),
        severity=Severity.HIGH,
        remedy="Remove the field: the runtime's own setting is the protected one.",
        types=PODS,
        check=_weakens_the_kernels_protection,
    ),
    ResourceRule(
        name="kubernetes-read-only-root-filesystem",
        title="Containers cannot write to their image",
        controls=(
            "NSA/CISA Kubernetes Hardening Guide 1.2: Immutable container file systems",
            "CIS Kubernetes 1.12 5.6.3",
        ),
        severity=Severity.MEDIUM,
        remedy="Set securityContext.readOnlyRootFilesystem: true, and mount an emptyDir where the program writes.",
        types=PODS,
        check=in_each_container(_writes_its_image),
    ),
    ResourceRule(
        name="kubernetes-no-host-namespace",
        title="Pods do not share the host's network, processes or IPC",
        controls=("PSS baseline: Host Namespaces", "CIS Kubernetes 1.12 5.2.3, 5.2.4, 5.2.5"),
        severity=Severity.CRITICAL,
        remedy="Remove hostNetwork, hostPID and hostIPC.",
        types=PODS,
        check=_shares_the_hosts_namespaces,
    ),
    ResourceRule(
        name="kubernetes-no-host-port",
        title="Containers take no port of their host",
        controls=("PSS baseline: Host Ports", "CIS Kubernetes 1.12 5.2.12"),
        severity=Severity.MEDIUM,
        remedy="Remove hostPort, and put a Service in front.",
        types=PODS,
        check=in_each_container(_takes_host_ports),
    ),
    ResourceRule(
        name="kubernetes-volume-kinds",
        title="Pods mount nothing of their host",
        controls=("PSS restricted: Volume Types", "PSS baseline: HostPath Volumes", "CIS Kubernetes 1.12 5.2.11"),
        severity=Severity.HIGH,
        remedy=f"Use one of {', '.join(sorted(VOLUMES))}.",
        types=PODS,
        check=_mounts_the_host,
    ),
    ResourceRule(
        name="kubernetes-no-probe-of-another-host",
        title="Probes and lifecycle hooks ask the pod itself",
        controls=("PSS baseline: Host Probes / Lifecycle Hooks",),
        severity=Severity.MEDIUM,
        remedy="Remove host from the probe or the hook.",
        types=PODS,
        check=in_each_container(_probes_elsewhere),
    ),
    ResourceRule(
        name="kubernetes-image-pinned",
        title="An image is named by its release or its digest",
        controls=("CIS Kubernetes 1.12 5.5.1", "Kubescape C-0075"),
        severity=Severity.HIGH,
        remedy="Name the release (`:1.4.2`) or the digest (`@sha256:…`); no latest, no branch.",
        types=PODS,
        check=in_each_container(_image_is_not_pinned),
    ),
    ResourceRule(
        name="kubernetes-image-by-digest",
        title="An image is named by its digest",
        controls=(
            "CIS Kubernetes 1.12 5.5.1",
            "NSA/CISA Kubernetes Hardening Guide 1.2: Building secure container images",
        ),
        severity=Severity.MEDIUM,
        remedy="Name the digest behind the tag: eco2.images of the stack file, as the workflow `images` prints it.",
        types=PODS,
        check=in_each_container(_image_has_no_digest),
    ),
    ResourceRule(
        name="kubernetes-image-registry",
        title="Images come from the account's registry or from AWS's mirror",
        controls=("Kubescape C-0078", "CIS Kubernetes 1.12 5.5.1"),
        severity=Severity.MEDIUM,
        remedy="Push the image to the account's ECR, or take it from public.ecr.aws.",
        types=PODS,
        check=in_each_container(_image_from_elsewhere),
    ),
    ResourceRule(
        name="kubernetes-resources-set",
        title="Containers ask for CPU and memory, and have a limit of memory",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Resource policies", "Kubescape C-0004"),
        severity=Severity.MEDIUM,
        remedy="Set resources.requests.cpu, requests.memory and limits.memory. A limit of CPU would throttle on an idle node.",
        types=PODS,
        check=in_each_container(_is_unlimited),
    ),
    ResourceRule(
        name="kubernetes-scratch-limited",
        title="A pod's scratch space has a limit",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Resource policies", "Kubescape C-0009"),
        severity=Severity.LOW,
        remedy="Set emptyDir.sizeLimit.",
        types=PODS,
        check=_scratch_is_unlimited,
    ),
    ResourceRule(
        name="kubernetes-liveness-probe",
        title="A server that hangs is restarted",
        controls=("Kubescape C-0056",),
        severity=Severity.LOW,
        remedy="Set livenessProbe on the container.",
        types=SERVERS,
        check=_has_no_liveness_probe,
    ),
    ResourceRule(
        name="kubernetes-readiness-probe",
        title="A server that cannot answer gets no requests",
        controls=("Kubescape C-0018",),
        severity=Severity.MEDIUM,
        remedy="Set readinessProbe on the container.",
        types=SERVERS,
        check=_has_no_readiness_probe,
    ),
    ResourceRule(
        name="kubernetes-no-api-token",
        title="Pods hold no token of the Kubernetes API",
        controls=(
            "CIS Kubernetes 1.12 5.1.6",
            "NSA/CISA Kubernetes Hardening Guide 1.2: Protecting Pod service account tokens",
        ),
        severity=Severity.HIGH,
        remedy="Set automountServiceAccountToken: false on the pod.",
        types=PODS,
        check=_has_a_token,
    ),
    ResourceRule(
        name="kubernetes-secret-files-private",
        title="Secrets are files that only the pod's group may read, and nobody write",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Secrets", "CIS Kubernetes 1.12 5.4.1"),
        severity=Severity.MEDIUM,
        remedy="Set secret.defaultMode: 0440 (288) on the volume, and readOnly: true on each mount.",
        types=PODS,
        check=_has_readable_secrets,
    ),
    ResourceRule(
        name="kubernetes-no-debugging",
        title="Nothing of a debugging session stays in a workload",
        controls=("NSA/CISA Kubernetes Hardening Guide 1.2: Hardening container environments",),
        severity=Severity.LOW,
        remedy="Remove the field; `kubectl debug` adds what it needs, and takes it away again.",
        types=PODS,
        check=_debugged,
    ),
)
