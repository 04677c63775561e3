"""Ids of ours for things that a vendor made."""

from __future__ import annotations

import hashlib

from tianji_core.gateway.objects.targets import account_of
from tianji_core.routing import Deployment


def our_id(prefix: str, deployment: Deployment, vendor_id: str) -> str:
    """The id of ours for a vendor's thing: always the same one, so that nothing has to be looked up to tell it.

    It is as hard to guess as the vendor's, which is at least 24 random letters with all vendors that are served.
    """
    digest = hashlib.sha256(f"{account_of(deployment)}|{vendor_id}".encode("utf-8", "surrogatepass"))
    return prefix + digest.hexdigest()[:32]
