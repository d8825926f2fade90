"""Kubernetes and Istio policies compared by what they let through: a rule that is gone, a path that nobody checks any more."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rehearsal.preview.comparison import Comparison, Kind
from rehearsal.preview.dangers.model import Danger, Rank, listed, quoted
from rehearsal.preview.dangers.network import contains
from rehearsal.preview.snapshot import Resource
from rehearsal.preview.values import at, each

Spec = Mapping[str, Any]
Step = Callable[[Resource, Resource], Iterator[Danger]]

_NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_AUTHORIZATION = "kubernetes:security.istio.io/v1:AuthorizationPolicy"
_AUTHENTICATION = "kubernetes:security.istio.io/v1:RequestAuthentication"
_MUTUAL_TLS = "kubernetes:security.istio.io/v1:PeerAuthentication"
_GATEWAY = "kubernetes:networking.istio.io/v1:Gateway"
_ENTRY = "kubernetes:networking.istio.io/v1:ServiceEntry"
_SIDECAR = "kubernetes:networking.istio.io/v1:Sidecar"
_DESTINATION = "kubernetes:networking.istio.io/v1:DestinationRule"
_NAMESPACE = "kubernetes:core/v1:Namespace"
_ADMISSION = "kubernetes:policies.kyverno.io/v1:NamespacedValidatingPolicy"
_SIGNATURES = "kubernetes:policies.kyverno.io/v1:NamespacedImageValidatingPolicy"

_CHECKS = ("CUSTOM", "DENY")
_FAIL_OPEN = re.compile(
    r"""(failOpen|fail_open|failure_mode_allow(?:_header_add)?|failureModeAllow)\\?["']?\s*:\s*\\?["']?true"""
)
_ENFORCE = "pod-security.kubernetes.io/enforce"
_LEVELS = ("privileged", "baseline", "restricted")
_ANCHOR = "anchor it: whole paths, without `*`, and only those that anybody may ask for"


def widened_objects(comparison: Comparison) -> Iterator[Danger]:
    """What objects of the cluster let through now and did not before."""
    for change in comparison.changes:
        if not change.resource.type.startswith("kubernetes:"):
            continue
        was, now = change.old or change.twin, change.new or change.twin
        if change.kind is Kind.ADD and change.twin is None:
            yield from _added(change.resource)
        elif was is not None and now is None:
            yield from _removed(was)
        elif was is not None and now is not None and change.kind is not Kind.REMOVE:
            for step in _STEPS.get(now.type, ()):
                yield from step(was, now)
            yield from _fails_open(was, now)


def _spec(resource: Resource) -> Spec:
    spec = resource.inputs.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# Istio's authorization


def _authorization(was: Resource, now: Resource) -> Iterator[Danger]:
    before, after = _spec(was), _spec(now)
    action = before.get("action", "ALLOW")
    if after.get("action", "ALLOW") != action:
        yield _less_checked(
            now, f"its action {quoted(action)} → {quoted(after.get('action', 'ALLOW'))}", "keep the action"
        )
    if before.get("selector") != after.get("selector") or before.get("targetRefs") != after.get("targetRefs"):
        workloads = f"{quoted(before.get('selector'))} → {quoted(after.get('selector'))}"
        yield _less_checked(
            now,
            f"it is for other workloads: {workloads}",
            "keep the selector, or leave a policy behind for the old ones",
        )
    if before.get("provider") != after.get("provider"):
        step = f"{quoted(at(before, 'provider.name'))} → {quoted(at(after, 'provider.name'))}"
        yield _less_checked(
            now,
            f"another provider decides: {step}",
            "keep the provider; a name that the mesh does not know refuses all",
        )
    if action in _CHECKS:
        yield from _checks_less(now, before, after)
    else:
        yield from _allows_more(now, before, after)


def _checks_less(now: Resource, before: Spec, after: Spec) -> Iterator[Danger]:
    """A check or a denial has to match whatever it matched."""
    old, new = _several(before.get("rules")), _several(after.get("rules"))
    for rule in old:
        if any(_rule_covers(one, rule) for one in new):
            continue
        let_through = sorted(set(each(new, "to.operation.notPaths")) - set(each(old, "to.operation.notPaths")))
        if let_through:
            yield Danger(
                rank=Rank.WIDENED,
                resource=now,
                what=f"{quoted('notPaths')} gains {listed(let_through)}: these go through without the check",
                why=_unchecked(before, let_through),
                remedy=f"take {listed(let_through)} out of {quoted('notPaths')} again, or {_ANCHOR}",
            )
        else:
            yield _less_checked(
                now, f"a rule matches less, or is gone: {_brief(rule)}", "let the rules match all that they matched"
            )


def _unchecked(before: Spec, paths: Iterable[str]) -> str:
    who = at(before, "provider.name") or before.get("action")
    open_ended = [path for path in paths if "*" in path]
    return f"nobody asks {quoted(who)} about them{f', and {listed(open_ended)} matches more than one path' if open_ended else ''}"


def _allows_more(now: Resource, before: Spec, after: Spec) -> Iterator[Danger]:
    for rule in _several(after.get("rules")):
        if not any(_rule_covers(one, rule) for one in _several(before.get("rules"))):
            yield Danger(
                rank=Rank.WIDENED,
                resource=now,
                what=f"it allows more: {_brief(rule)}",
                why="no rule before it allowed that",
                remedy="name the callers, the methods and the paths that are needed",
            )


def _less_checked(now: Resource, what: str, remedy: str) -> Danger:
    return Danger(
        rank=Rank.WIDENED,
        resource=now,
        what=what,
        why="requests that were refused or checked may go through",
        remedy=remedy,
    )


def _rule_covers(wide: Any, narrow: Any) -> bool:
    """Whether the one matches every request that the other matches."""
    wide, narrow = wide or {}, narrow or {}
    return (
        _sides_cover(wide, narrow, "from", "source")
        and _sides_cover(wide, narrow, "to", "operation")
        and all(condition in _several(narrow.get("when")) for condition in _several(wide.get("when")))
    )


def _sides_cover(wide: Mapping[str, Any], narrow: Mapping[str, Any], side: str, part: str) -> bool:
    wides = [(one or {}).get(part) or {} for one in _several(wide.get(side))]
    narrows = [(one or {}).get(part) or {} for one in _several(narrow.get(side))] or [{}]
    return not wides or all(any(_match_covers(one, other) for one in wides) for other in narrows)


def _match_covers(wide: Mapping[str, Any], narrow: Mapping[str, Any]) -> bool:
    """Of one source or operation; `not…` fields leave out."""
    for key, values in wide.items():
        others = _several(narrow.get(key))
        if key.startswith("not"):
            # What the wide one leaves out, the narrow one has to leave out too.
            if not all(any(_pattern_covers(other, value) for other in others) for value in values):
                return False
        elif not others or not all(any(_pattern_covers(value, other) for value in values) for other in others):
            return False
    return True


def _pattern_covers(wide: Any, narrow: Any) -> bool:
    """Istio's matches: exact, `prefix*`, `*suffix`, `*`; and address ranges."""
    wide, narrow = str(wide), str(narrow)
    if wide in ("*", narrow):
        return True
    if wide.endswith("*"):
        return not narrow.startswith("*") and narrow.rstrip("*").startswith(wide[:-1])
    if wide.startswith("*"):
        return not narrow.endswith("*") and narrow.lstrip("*").endswith(wide[1:])
    return "/" in wide and contains(wide, narrow)


def _brief(rule: Any) -> str:
    text = json.dumps(rule, sort_keys=True, ensure_ascii=False)
    return quoted(text if len(text) <= 160 else f"{text[:157]}…")


# Network policies


def _network_policy(was: Resource, now: Resource) -> Iterator[Danger]:
    before, after = _spec(was), _spec(now)
    for gone in sorted(set(_several(before.get("policyTypes"))) - set(_several(after.get("policyTypes")))):
        yield _passes(
            now,
            f"it no longer restricts {quoted(gone)}",
            "keep the policy type: without it, all traffic of that direction passes",
        )
    if before.get("podSelector") != after.get("podSelector"):
        step = f"{quoted(before.get('podSelector'))} → {quoted(after.get('podSelector'))}"
        yield _passes(
            now, f"it is for other pods: {step}", "keep the selector, or leave a policy behind for the old ones"
        )
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for rule in _several(after.get(direction)):
            if not any(_passage_covers(one, rule, peers) for one in _several(before.get(direction))):
                yield _passes(
                    now, f"{direction} lets more through: {_brief(rule)}", "name the peer and the ports that are needed"
                )


def _passes(now: Resource, what: str, remedy: str) -> Danger:
    return Danger(
        rank=Rank.WIDENED, resource=now, what=what, why="connections that were refused go through", remedy=remedy
    )


def _passage_covers(wide: Any, narrow: Any, peers: str) -> bool:
    wide, narrow = wide or {}, narrow or {}
    ports, other_ports = _several(wide.get("ports")), _several(narrow.get("ports"))
    sources, other_sources = _several(wide.get(peers)), _several(narrow.get(peers))
    ports_fit = not ports or (
        bool(other_ports) and all(any(_port_covers(one, other) for one in ports) for other in other_ports)
    )
    peers_fit = not sources or (
        bool(other_sources) and all(any(_peer_covers(one, other) for one in sources) for other in other_sources)
    )
    return ports_fit and peers_fit


def _port_covers(wide: Mapping[str, Any], narrow: Mapping[str, Any]) -> bool:
    if wide.get("protocol", "TCP") != narrow.get("protocol", "TCP"):
        return False
    if wide.get("port") is None or wide == narrow:
        return True
    if not all(isinstance(one.get("port"), int) for one in (wide, narrow)):
        return False
    last, other_last = wide.get("endPort", wide["port"]), narrow.get("endPort", narrow["port"])
    return bool(wide["port"] <= narrow["port"] and other_last <= last)


def _peer_covers(wide: Mapping[str, Any], narrow: Mapping[str, Any]) -> bool:
    if "ipBlock" not in wide:
        return wide == narrow
    block, other = wide["ipBlock"], narrow.get("ipBlock") or {}
    excepted = all(
        any(contains(also, one) for also in _several(other.get("except"))) for one in _several(block.get("except"))
    )
    return contains(str(block.get("cidr")), str(other.get("cidr"))) and excepted


# The rest of the mesh


def _mutual_tls(was: Resource, now: Resource) -> Iterator[Danger]:
    before, after = at(_spec(was), "mtls.mode"), at(_spec(now), "mtls.mode")
    ports = {port: mode for port, mode in _modes(now).items() if mode != "STRICT" and _modes(was).get(port) != mode}
    if before == "STRICT" and after != "STRICT":
        yield _plain(now, f"mutual TLS {quoted(before)} → {quoted(after)}")
    for port, mode in sorted(ports.items()):
        yield _plain(now, f"mutual TLS on port {quoted(port)} is {quoted(mode)}")


def _modes(resource: Resource) -> dict[str, Any]:
    levels = _spec(resource).get("portLevelMtls")
    return {str(port): at(level, "mode") for port, level in levels.items()} if isinstance(levels, Mapping) else {}


def _plain(now: Resource, what: str) -> Danger:
    return Danger(
        rank=Rank.WIDENED,
        resource=now,
        what=what,
        why="callers without a certificate of the mesh get through: policies that name a principal no longer know who calls",
        remedy="leave it `STRICT`; bring the caller into the mesh",
    )


def _hosts(path: str, what: str, why: str, remedy: str, rank: Rank = Rank.WIDENED) -> Step:
    def step(was: Resource, now: Resource) -> Iterator[Danger]:
        before = set(_flat(each(was.inputs, path)))
        fresh = [
            one for one in _flat(each(now.inputs, path)) if not any(_pattern_covers(known, one) for known in before)
        ]
        if fresh:
            yield Danger(rank=rank, resource=now, what=f"{what} {listed(dict.fromkeys(fresh))}", why=why, remedy=remedy)

    return step


def _flat(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield str(value)


def _becomes(path: str, bad: Any, what: str, why: str, remedy: str) -> Step:
    def step(was: Resource, now: Resource) -> Iterator[Danger]:
        if bad in list(each(now.inputs, path)) and bad not in list(each(was.inputs, path)):
            yield Danger(
                rank=Rank.WIDENED, resource=now, what=f"{what} ({quoted(path)} {quoted(bad)})", why=why, remedy=remedy
            )

    return step


def _enforced(was: Resource, now: Resource) -> Iterator[Danger]:
    before, after = ((at(one.inputs, "metadata.labels") or {}).get(_ENFORCE, "privileged") for one in (was, now))
    if before in _LEVELS and (after not in _LEVELS or _LEVELS.index(after) < _LEVELS.index(before)):
        yield Danger(
            rank=Rank.WIDENED,
            resource=now,
            what=f"Pod Security {quoted(before)} → {quoted(after)}",
            why="pods that were refused may run: as root, on the host's network, with its files",
            remedy="keep the level; give the pod that needs more a namespace of its own",
        )


def _fails_open(was: Resource, now: Resource) -> Iterator[Danger]:
    before, after = (len(_FAIL_OPEN.findall(json.dumps(one.inputs, default=str))) for one in (was, now))
    if after > before:
        yield Danger(
            rank=Rank.WIDENED,
            resource=now,
            what=f"a check fails open ({_FAIL_OPEN.search(json.dumps(now.inputs, default=str))[1]})",  # type: ignore[index]
            why="while the checking service is down or slow, everything goes through unchecked",
            remedy="fail closed: refuse what cannot be decided",
        )


def _removed(was: Resource) -> Iterator[Danger]:
    action = _spec(was).get("action", "ALLOW")
    said = {
        _AUTHORIZATION: (
            f"the authorization policy ({quoted(action)}) is removed",
            "what it checked or denied goes through"
            if action in _CHECKS
            else "where it was the last one that allows, everything is allowed",
        ),
        _NETWORK_POLICY: (
            "the network policy is removed",
            "pods that no other policy selects accept and open every connection",
        ),
        _MUTUAL_TLS: (
            "the mutual TLS policy is removed",
            "the mesh's default is PERMISSIVE: callers without a certificate get through",
        ),
        _AUTHENTICATION: ("the request authentication is removed", "nobody verifies the tokens any more"),
        _ADMISSION: ("the admission policy is removed", "what it refused is let in"),
        _SIGNATURES: ("the policy of images' signatures is removed", "pods run whatever image they name"),
        _SIDECAR: ("the Sidecar is removed", "its workloads may reach every host that the mesh knows"),
    }.get(was.type)
    if said:
        yield Danger(
            rank=Rank.WIDENED,
            resource=was,
            what=said[0],
            why=said[1],
            remedy="keep it, or say in the pull request what takes its place",
        )


def _added(now: Resource) -> Iterator[Danger]:
    if now.type == _AUTHORIZATION and _spec(now).get("action", "ALLOW") == "ALLOW":
        for rule in _several(_spec(now).get("rules")):
            if _rule_covers(rule, {}):
                yield Danger(
                    rank=Rank.WIDENED,
                    resource=now,
                    what="it allows everybody everything",
                    why="a rule without callers and operations matches every request",
                    remedy="name the callers, the methods and the paths that are needed",
                )
    if now.type == _MUTUAL_TLS and at(_spec(now), "mtls.mode") not in ("STRICT", None):
        yield _plain(now, f"mutual TLS is {quoted(at(_spec(now), 'mtls.mode'))}")


_STEPS: Mapping[str, tuple[Step, ...]] = {
    _AUTHORIZATION: (_authorization,),
    _NETWORK_POLICY: (_network_policy,),
    _MUTUAL_TLS: (_mutual_tls,),
    _NAMESPACE: (_enforced,),
    _GATEWAY: (
        _hosts(
            "spec.servers.hosts",
            "the gateway answers for further hosts:",
            "their routes are reachable from outside",
            "name the hosts that are documented",
            Rank.EXPOSED,
        ),
    ),
    _ENTRY: (
        _hosts(
            "spec.hosts",
            "workloads may reach further hosts outside:",
            "data can leave to them",
            "name the hosts that are needed, without wildcards",
        ),
        _hosts(
            "spec.exportTo",
            "the hosts are offered to further namespaces:",
            "workloads of other namespaces can reach them too",
            "leave `exportTo` at its own namespace",
        ),
    ),
    _SIDECAR: (
        _hosts(
            "spec.egress.hosts",
            "workloads see further hosts:",
            "they can call what they could not",
            "name the services that are called",
        ),
        _becomes(
            "spec.outboundTrafficPolicy.mode",
            "ALLOW_ANY",
            "workloads may reach any host",
            "data can leave to anywhere",
            "leave it `REGISTRY_ONLY`",
        ),
    ),
    _DESTINATION: (
        _becomes(
            "spec.trafficPolicy.tls.mode",
            "DISABLE",
            "calls go out without TLS",
            "they can be read and changed on the way",
            "leave it `ISTIO_MUTUAL`",
        ),
        _becomes(
            "spec.trafficPolicy.tls.insecureSkipVerify",
            True,
            "the server's certificate is not verified",
            "anybody can answer in its place",
            "verify it",
        ),
    ),
}
