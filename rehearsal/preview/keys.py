"""Private keys that follow from a URN, so that what is published of them (a JWKS) is the same in two rehearsals.

They protect nothing: a rehearsal's keys are thrown away with it, and anybody can derive these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rehearsal.tls import PrivateKey, generate, private_key_state
from rehearsal.values import Props

_EXPONENT = 65537
_SIEVE = 20_000
_BASES = (2, 3, 5, 7, 11)


def repeatable_private_key(urn: str, inputs: Props) -> tuple[str, Props]:
    """As the embedded tls provider makes one, with the URN in place of chance."""
    return private_key_state(_derive(urn, inputs), inputs)


def _derive(urn: str, inputs: Props) -> PrivateKey:
    seed = urn.encode()
    match inputs["algorithm"]:
        case "RSA":
            return _rsa(seed, int(inputs.get("rsaBits") or 2048))
        case "ED25519":
            return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.shake_256(seed).digest(32))
        case _:
            model = generate(inputs)
            if not isinstance(model, ec.EllipticCurvePrivateKey):
                raise TypeError(f"{type(model).__name__} has no repeatable form")
            return ec.derive_private_key(_number(seed, b"ec", model.curve.key_size - 1), model.curve)


def _rsa(seed: bytes, bits: int) -> rsa.RSAPrivateKey:
    p, q = _prime(seed, b"p", bits // 2), _prime(seed, b"q", bits - bits // 2)
    totient = (p - 1) * (q - 1)
    d = pow(_EXPONENT, -1, totient)
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()


def _prime(seed: bytes, label: bytes, bits: int) -> int:
    """The first prime after a number that follows from the seed; both upper bits are set, so that a product is full length."""
    start = _number(seed, label, bits) | 0b11 << (bits - 2) | 1
    remainders = [(prime, start % prime) for prime in _small_primes()]
    for step in count(0, 2):
        if all((rest + step) % prime for prime, rest in remainders):
            candidate = start + step
            if candidate % _EXPONENT != 1 and all(_passes(candidate, base) for base in _BASES):
                return candidate
    raise AssertionError("primes do not end")


def _passes(number: int, base: int) -> bool:
    """One round of Miller and Rabin's test."""
    odd = number - 1
    halvings = (odd & -odd).bit_length() - 1
    power = pow(base, odd >> halvings, number)
    if power in (1, number - 1):
        return True
    return any((power := power * power % number) == number - 1 for _ in range(halvings - 1))


@cache
def _small_primes() -> tuple[int, ...]:
    return tuple(_sieved(_SIEVE))


def _sieved(limit: int) -> Iterator[int]:
    composite = bytearray(limit)
    for number in range(2, limit):
        if not composite[number]:
            yield number
            composite[number * number :: number] = b"\1" * len(range(number * number, limit, number))


def _number(seed: bytes, label: bytes, bits: int) -> int:
    return int.from_bytes(hashlib.shake_256(label + seed).digest((bits + 7) // 8)) % (1 << bits) or 1
