"""k8s-master, every ten seconds: which machines become nodes, and what a node is dedicated to.

EC2 says which machines there are, nodes.json which of them the cluster knows. A machine that is awaited finds a token of its own in
an SSM parameter of its own; both are gone once it has joined. A certificate is approved for the one node that the token was made
for, and never for this master; one to serve by, for a node's own name and the addresses that EC2 has of its machine. The labels and
taints that place pods are set here: NodeRestriction lets no kubelet change them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = os.environ.get("ROOT", "")  # file system root; only tests set it
RUN = f"{ROOT}/run/eco2"  # tmpfs: a token does not reach the disk
KUBECONFIG = f"{ROOT}/etc/kubernetes/admin.conf"
AUTHORITY = Path(f"{ROOT}/etc/kubernetes/pki/ca.crt")
SETTINGS = json.loads((Path(__file__).resolve().parent / "nodes.json").read_text())

AUTO_APPROVAL = "kubeadm:node-autoapprove-bootstrap"
SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING_SIGNER = "kubernetes.io/kubelet-serving"
SERVING_USES = {"digital signature", "key encipherment", "server auth"}
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
GROUP = "system:bootstrappers:eco2"
NODE = "system:node:"
_ALTERNATIVE = r"(DNS:[A-Za-z0-9.-]+|IP Address:[0-9.]+)"
ALTERNATIVES = re.compile(f"{_ALTERNATIVE}(, {_ALTERNATIVE})*")
LIFE = timedelta(minutes=30)
ENOUGH = timedelta(minutes=10)  # what a token must have left for a machine to join with it

Object = Mapping[str, Any]


def say(text: str) -> None:
    print(f"eco2: {text}", flush=True)


def run(*command: str, text: str | None = None) -> str:
    """What a program prints. Nothing secret may be among its arguments."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[:5])} …: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def kubectl(*arguments: str, text: str | None = None) -> str:
    return run("kubectl", "--kubeconfig", KUBECONFIG, *arguments, text=text)


def aws(*arguments: str) -> Any:
    return json.loads(run("aws", *arguments, "--region", SETTINGS["region"], "--output", "json") or "null")


# --- which machines there are, and which of them are awaited


def read_nodes() -> dict[str, Object]:
    """The Node objects by their names."""
    return {one["metadata"]["name"]: one for one in json.loads(kubectl("get", "nodes", "--output", "json"))["items"]}


def instance_of(node: Object) -> str:
    return str(node["spec"].get("providerID", "")).rpartition("/")[2]


def read_running() -> list[Object]:
    """The cluster's instances, as EC2 has them."""
    filters = ["Name=instance-state-name,Values=running", f"Name=tag:{SETTINGS['cluster_tag']},Values=owned"]
    answer = aws("ec2", "describe-instances", "--filters", *filters)
    return [one for reservation in answer["Reservations"] for one in reservation["Instances"]]


def find_machines(running: list[Object], nodes: Mapping[str, Object]) -> dict[str, str]:
    """The running instance for each name: in the master's VPC, with the profile of its role, and alone under its name."""
    master = instance_of(nodes.get(SETTINGS["master"], {"spec": {}}))
    home = [one["VpcId"] for one in running if one["InstanceId"] == master]
    if not home:
        raise RuntimeError(f"EC2 does not have {SETTINGS['master']} ({master or 'no Node object'}): nobody is let in")
    found: dict[str, list[str]] = {}
    for one in running:
        name = name_of(one)
        if name and one.get("VpcId") == home[0]:
            found.setdefault(name, []).append(one["InstanceId"])
    for name, instances in sorted(found.items()):
        if len(instances) > 1:
            say(f"{' and '.join(sorted(instances))} are all tagged {name}: none of them is let in")
    return {name: instances[0] for name, instances in found.items() if len(instances) == 1}


def name_of(instance: Object) -> str | None:
    """The node that an instance may be. Only AWS itself can say that one belongs to an Auto Scaling group."""
    tags = {one["Key"]: one["Value"] for one in instance.get("Tags", [])}
    profile, tenants = instance.get("IamInstanceProfile", {}).get("Arn"), SETTINGS["tenants"]
    if tenants and tags.get("aws:autoscaling:groupName") == tenants["group"]:
        return f"{tenants['prefix']}{instance['InstanceId']}" if profile == tenants["profile"] else None
    known = SETTINGS["nodes"].get(tags.get("Name"))
    return tags["Name"] if known and profile == known["profile"] else None


def places_of(running: list[Object]) -> dict[str, set[str]]:
    """Where each instance is reached, by EC2's word; as openssl writes it in a certificate."""
    kinds = {
        "PrivateDnsName": "DNS",
        "PublicDnsName": "DNS",
        "PrivateIpAddress": "IP Address",
        "PublicIpAddress": "IP Address",
    }
    return {one["InstanceId"]: {f"{kind}:{one[key]}" for key, kind in kinds.items() if one.get(key)} for one in running}


def awaited(nodes: Mapping[str, Object], machines: Mapping[str, str]) -> dict[str, str]:
    """Who may join: no Node object has the name, not even that of a machine that is lost. Never the master."""
    return {name: instance for name, instance in machines.items() if name not in nodes and name != SETTINGS["master"]}


def group_of(name: str, instance: str) -> str:
    """The group of one machine's token; the API server writes it into every request that is made with the token."""
    return f"{GROUP}:{name}:{instance}"


# --- a token and a parameter for each machine that is awaited


def read_tokens() -> list[tuple[str, str, datetime]]:
    """The tokens of this program: the machine's group, the Secret, and until when it is good."""
    of_tokens = ("--namespace", "kube-system", "--field-selector", "type=bootstrap.kubernetes.io/token")
    found = []
    for secret in json.loads(kubectl("get", "secrets", *of_tokens, "--output", "json"))["items"]:
        data = {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}
        until = datetime.strptime(data["expiration"], "%Y-%m-%dT%H:%M:%S%z") if "expiration" in data else None
        for group in data.get("auth-extra-groups", "").split(","):
            if until and group.startswith(f"{GROUP}:"):
                found.append((group, secret["metadata"]["name"], until))
    return found


def read_parameters() -> set[str]:
    """The instances for which there is a parameter."""
    names = aws("ssm", "get-parameters-by-path", "--path", SETTINGS["join_path"], "--query", "Parameters[].Name")
    return {name.rpartition("/")[2] for name in names or []}


def hand_over(wanted: Mapping[str, str]) -> None:
    """Every machine that is awaited has a token that is good, in its parameter; for any other there is neither."""
    now, tokens, parameters = datetime.now(timezone.utc), read_tokens(), read_parameters()
    groups = {group_of(name, instance): (name, instance) for name, instance in wanted.items()}
    good = {
        group
        for group, _, until in tokens
        if group in groups and until - now >= ENOUGH and groups[group][1] in parameters
    }
    for instance in sorted(parameters - {groups[group][1] for group in good}):
        aws("ssm", "delete-parameter", "--name", f"{SETTINGS['join_path']}/{instance}")
    for group, secret, _ in tokens:
        if group not in good:
            kubectl("delete", "secret", "--namespace", "kube-system", "--ignore-not-found", secret)
            say(f"the token for {group[len(GROUP) + 1 :]} is taken back")
    for group, (name, instance) in sorted(groups.items()):
        if group not in good:
            write_hand_over(name, instance, now + LIFE)


def write_hand_over(name: str, instance: str, until: datetime) -> None:
    expires = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    token = run(
        "kubeadm", "token", "create", "--kubeconfig", KUBECONFIG, "--ttl", f"{int(LIFE.total_seconds())}s",
        "--groups", f"{GROUP},{group_of(name, instance)}", "--description", f"{name} on {instance}",
    ).strip()  # fmt: skip
    with tempfile.NamedTemporaryFile("w", dir=RUN, prefix="join.") as file:
        json.dump({"token": token, "ca_hash": authority_hash(), "expires": expires}, file)
        file.flush()
        # The client reads the value from the file. The tag is what the machine's role is compared with when it reads.
        aws(
            "ssm", "put-parameter", "--name", f"{SETTINGS['join_path']}/{instance}", "--type", "SecureString",
            "--key-id", SETTINGS["key"], "--value", f"file://{file.name}",
            "--tags", f"Key={SETTINGS['instance_tag']},Value={SETTINGS['instance_arn']}{instance}",
        )  # fmt: skip
    say(f"{name} ({instance}) may join until {expires}")


def authority_hash() -> str:
    """What kubeadm pins: the SHA-256 of the authority's public key."""
    public = run("openssl", "x509", "-in", str(AUTHORITY), "-noout", "-pubkey")
    return f"sha256:{hashlib.sha256(base64.b64decode(''.join(public.splitlines()[1:-1]))).hexdigest()}"


# --- the certificates of a machine: to join with, and to serve by


def decide_requests(wanted: Mapping[str, str], own: Mapping[str, set[str]]) -> None:
    """Approve or deny every certificate that was asked for with a join token, and every one that a kubelet serves by."""
    for request in json.loads(kubectl("get", "--raw", REQUESTS))["items"]:
        spec = request["spec"]
        if request.get("status", {}).get("conditions"):
            continue
        if spec["signerName"] == SIGNER and spec["username"].startswith("system:bootstrap:"):
            answer(request, objection(spec, wanted), "a machine that is awaited, with its own token")
        elif spec["signerName"] == SERVING_SIGNER:
            answer(request, serving_objection(spec, own), "a node, where EC2 has its machine")


def objection(spec: Object, wanted: Mapping[str, str]) -> str | None:
    """Why a certificate is not given; None when it is for the very machine that the token was made for, and that is awaited."""
    groups = {group_of(name, instance): name for name, instance in wanted.items()}
    names = [groups[group] for group in spec["groups"] if group in groups]
    if len(names) != 1:
        return "no machine that is awaited has this token"
    subject = subject_of(spec)
    if subject != f"subject=CN={NODE}{names[0]},O=system:nodes":
        return f"the token is for {names[0]}, the request is not: {subject}"
    return None


def own_places(
    nodes: Mapping[str, Object], machines: Mapping[str, str], places: Mapping[str, set[str]]
) -> dict[str, set[str]]:
    """Under which names a node may serve: its own, and those of the instance that it is."""
    return {
        name: {f"DNS:{name}"} | places[machines[name]]
        for name, node in nodes.items()
        if name in machines and machines[name] == instance_of(node)
    }


def serving_objection(spec: Object, own: Mapping[str, set[str]]) -> str | None:
    """Why a kubelet does not get the certificate; None when it is for the node that asks, and for where that node is alone."""
    name = spec["username"][len(NODE) :] if spec["username"].startswith(NODE) else ""
    if name not in own or "system:nodes" not in spec["groups"]:
        return f"{spec['username']} is no node whose machine EC2 has"
    subject, asked = subject_of(spec), alternatives_of(spec)
    if subject != f"subject=CN={NODE}{name},O=system:nodes":
        return f"{name} asks for another: {subject}"
    if not asked or asked - own[name]:
        return f"{name} is not reached at {', '.join(sorted(asked - own[name])) or 'what it asks for'}"
    if "server auth" not in spec["usages"] or set(spec["usages"]) - SERVING_USES:
        return f"{name} asks to use it for {', '.join(spec['usages'])}"
    return None


def subject_of(spec: Object) -> str:
    return run("openssl", "req", "-noout", "-subject", "-nameopt", "RFC2253", text=decoded(spec["request"])).strip()


def alternatives_of(spec: Object) -> set[str]:
    """The names and addresses of a request, as openssl writes them; none when that is not one list of nothing else."""
    written = run("openssl", "req", "-noout", "-text", text=decoded(spec["request"])).splitlines()
    lists = [written[place + 1].strip() for place, line in enumerate(written) if "Subject Alternative Name" in line]
    if len(lists) != 1 or not ALTERNATIVES.fullmatch(lists[0]):
        return set()
    return set(lists[0].split(", "))


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def answer(request: Object, reason: str | None, why: str) -> None:
    """The request as it was looked at: had it changed meanwhile, the API server would refuse."""
    name = request["metadata"]["name"]
    condition = {
        "type": "Denied" if reason else "Approved",
        "status": "True",
        "reason": "Eco2Admission",
        "message": reason or why,
    }
    body = json.dumps({**request, "status": {**request.get("status", {}), "conditions": [condition]}})
    kubectl("replace", "--raw", f"{REQUESTS}/{name}/approval", "--filename", "-", text=body)
    say(f"{condition['type'].lower()} {name} of {request['spec']['username']}: {condition['message']}")


# --- what a node is dedicated to


def dedicate(nodes: Mapping[str, Object], machines: Mapping[str, str]) -> None:
    """Nodes have the labels and taints of nodes.json, whatever they were registered with."""
    for name, node in sorted(nodes.items()):
        if machines.get(name) == instance_of(node):
            known = SETTINGS["nodes"].get(name) or SETTINGS["tenants"]
            set_labels(name, node, known["labels"])
            set_taints(name, node, known["taints"])


def set_labels(name: str, node: Object, labels: Mapping[str, str]) -> None:
    there = node["metadata"].get("labels", {})
    changes = [f"{key}={value}" for key, value in labels.items() if there.get(key) != value]
    if changes:
        kubectl("label", "node", name, "--overwrite", *changes)
        say(f"{name} is labelled {' '.join(changes)}")


def set_taints(name: str, node: Object, taints: list[Object]) -> None:
    there = [{key: value for key, value in one.items() if key != "timeAdded"} for one in node["spec"].get("taints", [])]
    changes = [f"{one['key']}={one.get('value', '')}:{one['effect']}" for one in taints if one not in there]
    if changes:
        kubectl("taint", "node", name, "--overwrite", *changes)
        say(f"{name} is tainted {' '.join(changes)}")


def main() -> int:
    try:
        # kubeadm makes it at each upgrade: with it whoever has a token of kubeadm's own group is whichever node he likes.
        kubectl("delete", "clusterrolebinding", "--ignore-not-found", AUTO_APPROVAL)
        nodes, running = read_nodes(), read_running()
        machines = find_machines(running, nodes)
        wanted = awaited(nodes, machines)
        decide_requests(wanted, own_places(nodes, machines, places_of(running)))
        hand_over(wanted)
        dedicate(nodes, machines)
    except (RuntimeError, OSError, ValueError) as error:
        say(f"FAILED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
