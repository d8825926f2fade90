"""Habits of moto and botocore that cost a rehearsal time: they look the same things up for every call and every client.

What a call answers stays what it was: `tests/rehearsal/test_cli_memory.py` compares answers with and without all of this.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, cached_property, lru_cache, partialmethod
from typing import Any


@cache
def save_time() -> None:
    """It does nothing the second time."""
    _list_services_when_asked()
    _list_methods_once()
    _name_services_by_their_folders()
    _read_errors_once()
    _think_of_names_once()
    _find_who_answers_once()
    _make_unseen_keys_once()


def _list_services_when_asked() -> None:
    """To see that there is a service of one name, botocore looks through the folders of all four hundred, for each kind of file."""
    from botocore.loaders import Loader

    list_services = Loader.list_available_services
    Loader.list_available_services = partialmethod(_Services, list_services)  # type: ignore[assignment]


class _Services(Sequence[str]):
    """`Loader.list_available_services`, listed when somebody wants more than to know whether one of them is there."""

    def __init__(self, loader: Any, list_services: Callable[[Any, str], list[str]], type_name: str) -> None:
        self._loader, self._list, self._type_name = loader, list_services, type_name

    def __contains__(self, name: object) -> bool:
        from botocore.exceptions import DataNotFoundError

        try:
            return bool(self._loader.list_api_versions(name, self._type_name))
        except DataNotFoundError:
            return False

    @cached_property
    def _all(self) -> list[str]:
        return self._list(self._loader, self._type_name)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]


def _list_methods_once() -> None:
    """Every call looks through the handler's members for its methods."""
    from moto.core import responses, utils

    responses.method_names_from_class = cache(utils.method_names_from_class)  # type: ignore[attr-defined]


def _name_services_by_their_folders() -> None:
    """To see whose refusal it has, moto looks into all four hundred folders, whose names it is after."""
    from moto.core import utils

    utils.service_name_from_moto_package_name = _service_of


@cache
def _service_of(package: str) -> str:
    """`moto.core.utils.service_name_from_moto_package_name`: a package of moto has its service's name, without the hyphens."""
    from botocore.loaders import create_loader

    for folder in create_loader().search_paths:
        with suppress(FileNotFoundError):
            for name in os.listdir(folder):
                if name.replace("-", "") == package:
                    return name
    return package


def _read_errors_once() -> None:
    """Every refusal reads the shapes of all the errors that its service has."""
    from moto.core import errors

    errors.ErrorLookupFactory = cache(errors.ErrorLookupFactory)  # type: ignore[misc,assignment]


def _think_of_names_once() -> None:
    """For each value of each answer moto thinks of all the names that the object may have it under."""
    from moto.core.serialize import DEFAULT_ALIAS_PROVIDERS, XFormedAttributePicker

    think = XFormedAttributePicker.get_possible_keys
    known: dict[tuple[Any, str, type], tuple[str, ...]] = {}

    def get_possible_keys(self: Any, context: Any) -> Iterable[str]:
        if self.alias_providers is not DEFAULT_ALIAS_PROVIDERS or "Meta" in getattr(context.obj, "__dict__", ()):
            return think(self, context)
        place = context.shape, context.key, type(context.obj)
        if place not in known:
            known[place] = tuple(dict.fromkeys(think(self, context)))
        return known[place]

    XFormedAttributePicker.get_possible_keys = get_possible_keys  # type: ignore[method-assign,assignment]


def _find_who_answers_once() -> None:
    """Each request is compared with the patterns of all services, and its service's are written anew for it."""
    from moto.core.botocore_stubber import BotocoreStubber

    BotocoreStubber.process_request = _process_request  # type: ignore[method-assign,assignment]


def _process_request(stubber: Any, request: Any) -> Any:
    """`BotocoreStubber.process_request`, for a cloud that lets no request through to AWS."""
    from moto.core.request import normalize_request
    from moto.core.utils import get_equivalent_url_in_aws_domain
    from moto.moto_api import recorder
    from werkzeug.exceptions import HTTPException

    parsed, _ = get_equivalent_url_in_aws_domain(request.url)
    services, answer = _who_answers(f"{parsed.scheme}://{parsed.netloc}{parsed.path}")
    for service in services:
        # To ask for it makes it, and that throws moto's dice.
        _backend(service)
    if answer is None:
        return (404, {}, "Not yet implemented") if parsed.netloc.endswith(".amazonaws.com") else None
    normalized = normalize_request(request)
    try:
        recorder._record_request(normalized)
        return answer(normalized, normalized.raw_url, normalized.headers)
    except HTTPException as refusal:
        return refusal.code, refusal.get_headers(), refusal.get_body()


@lru_cache(maxsize=4096)
def _who_answers(url: str) -> tuple[tuple[str, ...], Any]:
    """The services that the URL looks like, up to the one that has it; and what answers there."""
    from moto.backend_index import backend_url_patterns

    services: list[str] = []
    for service in (service for service, pattern in backend_url_patterns if pattern.match(url)):
        services.append(service)
        for pattern, answer in _urls(service):
            if pattern.match(url):
                return tuple(services), answer
    return tuple(services), None


@cache
def _urls(service: str) -> list[tuple[re.Pattern[str], Any]]:
    return [(re.compile(url), answer) for url, answer in _backend(service).urls.items()]


def _backend(service: str) -> Any:
    """The service's backend in the region that moto answers from before it knows the request's."""
    from moto.backends import get_backend
    from moto.core.base_backend import BackendDict
    from moto.core.models import DEFAULT_ACCOUNT_ID

    backends: Any = get_backend(service)  # type: ignore[call-overload]
    if not isinstance(backends, BackendDict):
        return backends["global"]
    account: Any = backends[DEFAULT_ACCOUNT_ID]
    return account["us-east-1" if "us-east-1" in account else "aws"]


_UNSEEN: ContextVar[bool] = ContextVar("unseen", default=False)
"""Whether a private key is being made that no call of a rehearsal shows, or signs with."""


def _make_unseen_keys_once() -> None:
    """Those of ACM's own certificates, and the ones that moto gives to KMS's symmetric keys, take a tenth of a second each."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from moto.acm.models import CertBundle
    from moto.kms import models, utils

    make, make_for_kms, check = rsa.generate_private_key, utils.generate_private_key, CertBundle.validate_pk
    certify = CertBundle.generate_cert.__func__  # type: ignore[attr-defined]
    once, symmetric = cache(make), cache(make_for_kms)
    checked: dict[bytes, Any] = {}

    def generate_private_key(*given: Any, **named: Any) -> Any:
        return (once if _UNSEEN.get() else make)(*given, **named)

    def generate_cert(cls: Any, *given: Any, **named: Any) -> Any:
        before = _UNSEEN.set(True)
        try:
            return certify(cls, *given, **named)
        finally:
            _UNSEEN.reset(before)

    def validate_pk(self: Any) -> Any:
        if not _UNSEEN.get():
            return check(self)
        if self.key not in checked:
            checked[self.key] = check(self)
        return checked[self.key]

    def for_kms(key_spec: str) -> Any:
        return (symmetric if key_spec == "SYMMETRIC_DEFAULT" else make_for_kms)(key_spec)

    rsa.generate_private_key = generate_private_key
    CertBundle.generate_cert = classmethod(generate_cert)  # type: ignore[method-assign,assignment]
    CertBundle.validate_pk = validate_pk  # type: ignore[method-assign]
    models.generate_private_key = for_kms  # type: ignore[attr-defined]
