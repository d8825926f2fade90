"""The embedded random provider: values derived from the URN, so that every rehearsal of a stack draws the same ones."""

from __future__ import annotations

import hashlib
import string
import uuid
from base64 import b64encode, urlsafe_b64encode

from rehearsal.local import LocalProvider
from rehearsal.provider import Rejected
from rehearsal.values import Props

_CLASSES = (
    ("lower", string.ascii_lowercase),
    ("upper", string.ascii_uppercase),
    ("numeric", string.digits),
    ("special", "!@#$%&*()-_=+[]{}<>:?"),
)


def _text(urn: str, inputs: Props) -> str:
    """`length` characters of the classes asked for, at least `min*` of each where said."""
    length = int(inputs["length"])
    alphabets = {
        name: (inputs.get("overrideSpecial") or letters) if name == "special" else letters
        for name, letters in _CLASSES
        if inputs.get(name) is not False
    }
    minimum = {name: int(inputs.get(f"min{name.capitalize()}") or 0) for name in alphabets}
    least = sum(minimum.values())
    if least > length:
        raise Rejected(f"length: {length} is shorter than the {least} characters that the min* inputs ask for")
    stream = iter(hashlib.shake_256(urn.encode()).digest(4 * length))
    fixed = [letters[next(stream) % len(letters)] for name, letters in alphabets.items() for _ in range(minimum[name])]
    everything = "".join(alphabets.values())
    free = [everything[next(stream) % len(everything)] for _ in range(length - len(fixed))]
    return "".join(sorted(fixed + free, key=lambda _: next(stream)))


def _password(urn: str, inputs: Props) -> tuple[str, Props]:
    return "none", {"result": _text(urn, inputs)}


def _string(urn: str, inputs: Props) -> tuple[str, Props]:
    text = _text(urn, inputs)
    return text, {"result": text}


def _id(urn: str, inputs: Props) -> tuple[str, Props]:
    raw = hashlib.shake_256(urn.encode()).digest(int(inputs["byteLength"]))
    prefix = inputs.get("prefix") or ""
    encoded = urlsafe_b64encode(raw).rstrip(b"=").decode()
    return encoded, {"hex": prefix + raw.hex(), "b64Url": prefix + encoded, "dec": prefix + str(int.from_bytes(raw))}


def _bytes(urn: str, inputs: Props) -> tuple[str, Props]:
    raw = hashlib.shake_256(urn.encode()).digest(int(inputs["length"]))
    return "none", {"base64": b64encode(raw).decode(), "hex": raw.hex()}


def _uuid(urn: str, inputs: Props) -> tuple[str, Props]:
    text = str(uuid.uuid5(uuid.NAMESPACE_URL, urn))
    return text, {"result": text}


class RandomProvider(LocalProvider):
    types = {
        "random:index/randomBytes:RandomBytes": _bytes,
        "random:index/randomPassword:RandomPassword": _password,
        "random:index/randomString:RandomString": _string,
        "random:index/randomId:RandomId": _id,
        "random:index/randomUuid:RandomUuid": _uuid,
    }
    secrets = {
        "random:index/randomBytes:RandomBytes": frozenset({"base64", "hex"}),
        "random:index/randomPassword:RandomPassword": frozenset({"result", "bcryptHash"}),
    }
