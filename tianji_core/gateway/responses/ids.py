"""Ids of answers that vendors keep: the vendor's own, with a seal that leads back to it and says whose it is.

    resp_68ad….<32 characters>     the vendor's id, and in base64url: place (4 bytes), account (5), owner (6), MAC (9)

Nothing has to be stored for it, and every replica with the same key can read it. `place` and `account` are keyed hashes
of where the answer is, `owner` one of whose it is and of the id, so that no two ids of one owner can be told to be his.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from tianji_core.routing import Deployment
from tianji_core.translate.surfaces.responses import RESPONSES

_FORM = re.compile(r"([A-Za-z0-9_-]{1,200})\.([A-Za-z0-9_-]{32})")
_PLACE, _ACCOUNT, _OWNER, _MAC = 4, 5, 6, 9
_SEALED = _PLACE + _ACCOUNT + _OWNER


@dataclass(frozen=True, slots=True)
class AtVendor:
    """An answer that a vendor keeps, and the deployments through which it can be had: all of one account."""

    id: str
    """The client's."""
    vendor_id: str
    deployments: tuple[Deployment, ...]


def keeps(deployment: Deployment) -> bool:
    """Whether the vendor keeps its answers itself."""
    provider, name = deployment.provider, RESPONSES.name
    return name in provider.native_dialects and name in provider.remembers and deployment.mock_response is None


class ResponseIds:
    """Seals ids and opens them again."""

    def __init__(self, secret: bytes, deployments: Iterable[Deployment]) -> None:
        self._key = blake2b(secret, digest_size=32, person=b"tianji-response").digest()
        self._marks: dict[str, bytes] = {}
        self._places: dict[bytes, dict[bytes, list[Deployment]]] = {}
        accounts_with_memory = set()
        for deployment in deployments:
            mark = self._mark(deployment)
            accounts = self._places.setdefault(mark[:_PLACE], {})
            accounts.setdefault(mark[_PLACE:], []).append(deployment)
            if keeps(deployment):
                accounts_with_memory.add(mark)
        self.several = len(accounts_with_memory) > 1
        """Whether there are accounts of which one cannot read what another has encrypted."""

    def account(self, deployment_id: str) -> str:
        """The account behind a deployment, as a text that says nothing."""
        return base64.urlsafe_b64encode(self._marks.get(deployment_id, b"")).decode()

    def seal(self, vendor_id: str, deployment: Deployment, owner: str) -> str:
        """The id that the client gets; a vendor's id that has not the form of one stays bare, and leads nowhere."""
        sealed = self._mark(deployment) + self._owner(vendor_id, owner)
        found = f"{vendor_id}.{base64.urlsafe_b64encode(sealed + self._mac(vendor_id, sealed)).decode()}"
        return found if _FORM.fullmatch(found) else vendor_id

    def open(self, ident: str, owner: str | None) -> AtVendor | None:
        """Where the answer is; None for what is no such id, is not this owner's (None: anybody's), or has no way there.

        A place whose only account has another credential now is the same place: keys are changed now and then.
        """
        form = _FORM.fullmatch(ident)
        if form is None:
            return None
        vendor_id = form[1]
        try:
            seal = base64.urlsafe_b64decode(form[2])
        except (binascii.Error, ValueError):
            return None
        sealed, mac = seal[:_SEALED], seal[_SEALED:]
        if not hmac.compare_digest(mac, self._mac(vendor_id, sealed)):
            return None
        if owner is not None and not hmac.compare_digest(sealed[_PLACE + _ACCOUNT :], self._owner(vendor_id, owner)):
            return None
        accounts = self._places.get(sealed[:_PLACE], {})
        deployments = accounts.get(sealed[_PLACE : _PLACE + _ACCOUNT])
        if deployments is None and len(accounts) == 1:
            (deployments,) = accounts.values()
        return AtVendor(ident, vendor_id, tuple(deployments)) if deployments else None

    def _mark(self, deployment: Deployment) -> bytes:
        mark = self._marks.get(deployment.id)
        if mark is None:
            settings = deployment.provider.settings
            place = (
                deployment.provider_name,
                getattr(deployment.provider, "api_base", None) or "",
                settings.organization or "",
                getattr(settings, "project", None) or "",
            )
            account = self._hash(b"account", _ACCOUNT, *place, *deployment.secrets)
            mark = self._marks[deployment.id] = self._hash(b"place", _PLACE, *place) + account
        return mark

    def _owner(self, vendor_id: str, owner: str) -> bytes:
        return self._hash(b"owner", _OWNER, vendor_id, owner)

    def _mac(self, vendor_id: str, sealed: bytes) -> bytes:
        return blake2b(vendor_id.encode() + b"\0" + sealed, digest_size=_MAC, key=self._key, person=b"mac").digest()

    def _hash(self, use: bytes, size: int, *texts: str) -> bytes:
        parts = b"\0".join(text.encode("utf-8", "surrogatepass") for text in texts)
        return blake2b(parts, digest_size=size, key=self._key, person=use).digest()
