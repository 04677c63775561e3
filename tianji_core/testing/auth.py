"""The conformance kit of auth backends.

class TestTokens(AuthBackendConformance):
    good = credentials("tok-good")
    unknown = credentials("sk-somebody-elses")
    bad = (credentials("tok-revoked"),)

    def backend(self) -> AuthBackend:
        return Tokens(...)
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar
from unittest import mock

import pytest

from tianji_core.api.auth import AuthBackend, Credentials
from tianji_core.api.call import Principal
from tianji_core.api.errors import AuthenticationError, GatewayError, PermissionDeniedError
from tianji_core.api.http import Headers
from tianji_core.testing.standard import Conformance

REFUSED = (AuthenticationError, PermissionDeniedError)


def credentials(key: str | None, headers: list[tuple[str, str]] | None = None) -> Credentials:
    """Credentials as the server makes them of a request with `Authorization: Bearer <key>` and these fields."""
    fields = list(headers or ())
    if key is not None:
        fields.insert(0, ("authorization", f"Bearer {key}"))
    return Credentials(key=key, headers=Headers(fields), path="/v1/chat/completions", client="127.0.0.1")


class AuthBackendConformance(Conformance, kit=True):
    """What every auth backend promises. Subclass it, name the class `Test…`, fill in the credentials."""

    good: ClassVar[Credentials]
    """Credentials that the backend knows."""
    unknown: ClassVar[Credentials | None] = credentials("sk-kit-nobody-knows-this-key")
    """Credentials that are not this backend's; None if it judges every credential there is."""
    bad: ClassVar[tuple[Credentials, ...]] = ()
    """Credentials of the backend's own kind that are not good: expired, revoked, wrongly signed."""
    compares_in_constant_time: ClassVar[bool] = False
    """True if the backend compares secrets itself: the test then looks for `hmac.compare_digest`."""

    @abstractmethod
    def backend(self) -> AuthBackend:
        """A fresh backend."""

    def test_good_credentials_give_a_principal(self) -> None:
        (found,) = self._ask(self.good)
        assert isinstance(found, Principal), f"good credentials gave {found!r}"

    def test_the_same_credentials_give_the_same_principal(self) -> None:
        first, second = self._ask(self.good, self.good)
        assert first == second

    def test_unknown_credentials_are_left_to_other_backends(self) -> None:
        if self.unknown is None:
            pytest.skip("this backend judges every credential")
        (found,) = self._ask(self.unknown)
        assert found is None, f"credentials of somebody else's gave {found!r}; the next backend is never asked"

    def test_bad_credentials_of_its_own_kind_are_refused(self) -> None:
        if not self.bad:
            pytest.skip("this backend names no bad credentials of its own kind")
        for number, answer in enumerate(self._ask(*self.bad)):
            assert isinstance(answer, REFUSED), f"bad[{number}] gave {answer!r} in place of AuthenticationError"

    def test_refusals_are_401_or_403(self) -> None:
        for answer in self._ask(*self.bad):
            assert isinstance(answer, GatewayError)
            assert answer.http_status in (401, 403)

    def test_no_credentials_give_nobody(self) -> None:
        for headers in (Headers(), Headers([("user-agent", "kit"), ("accept", "*/*")])):
            (found,) = self._ask(Credentials(key=None, headers=headers))
            assert found is None, f"a request without credentials gave {found!r}"

    def test_a_key_that_is_only_nearly_right_opens_nothing(self) -> None:
        if self.good.key is None:
            pytest.skip("the good credentials are not a key")
        near = [self._with_key(key) for key in _near_misses(self.good.key)]
        for wrong, answer in zip(near, self._ask(*near), strict=True):
            assert not isinstance(answer, Principal), f"a wrong key of {len(wrong.key or '')} characters was let in"

    def test_the_key_shows_in_no_principal(self) -> None:
        if self.good.key is None:
            pytest.skip("the good credentials are not a key")
        (found,) = self._ask(self.good)
        assert self.good.key not in repr(found), "the principal holds the key; keep its SHA-256 in key_hash"

    def test_the_key_shows_in_no_error(self) -> None:
        tried = [*self.bad, *(self._with_key(key) for key in _near_misses(self.good.key or "sk-kit-0123456789"))]
        for wrong, answer in zip(tried, self._ask(*tried), strict=True):
            if isinstance(answer, GatewayError) and wrong.key and len(wrong.key) > 4:
                shown = f"{answer!s} {answer!r} {answer.detail!r} {answer.param!r} {answer.__cause__!r}"
                assert wrong.key not in shown, "the error repeats the key it was given"

    def test_the_good_key_does_not_show_in_the_backend_itself(self) -> None:
        if self.good.key is None:
            pytest.skip("the good credentials are not a key")
        assert self.good.key not in repr(self.backend()), "repr(backend) shows a key"

    def test_garbage_in_headers_raises_nothing_unexpected(self) -> None:
        tried = [Credentials(key=key, headers=Headers(fields)) for key in _GARBAGE for fields in _garbage_headers(key)]
        for wrong, answer in zip(tried, self._ask(*tried), strict=True):
            assert not isinstance(answer, Principal), f"garbage was let in: {(wrong.key or '')[:40]!r}"

    def test_garbage_beside_a_good_key_does_no_harm(self) -> None:
        noisy = replace(
            self.good, headers=Headers([*self.good.headers, ("x-noise", "\x00\xff" * 500), ("cookie", ";")])
        )
        (found,) = self._ask(noisy)
        assert isinstance(found, Principal)

    def test_two_hundred_requests_at_once_get_their_own_answers(self) -> None:
        strangers = [case for case in (self.unknown, *self.bad) if case is not None]
        mixed = [self.good if i % 2 else strangers[i % len(strangers)] if strangers else self.good for i in range(200)]
        for asked, answer in zip(mixed, self._ask(*mixed, at_once=True), strict=True):
            assert isinstance(answer, Principal) == (asked is self.good), "an answer went to the wrong request"

    def test_secrets_are_compared_in_constant_time(self) -> None:
        if not self.compares_in_constant_time:
            pytest.skip("this backend does not say that it compares secrets itself")
        with (
            mock.patch.object(hmac, "compare_digest", wraps=hmac.compare_digest) as one,
            mock.patch.object(secrets, "compare_digest", wraps=secrets.compare_digest) as two,
        ):
            self._ask(self.good)
        assert one.called or two.called, "call hmac.compare_digest (by that name, so that this test sees it), not =="

    def test_closing_twice_is_no_trouble(self) -> None:
        async def close() -> None:
            backend = self.backend()
            await backend.aclose()
            await backend.aclose()

        asyncio.run(close())

    def _with_key(self, key: str) -> Credentials:
        """The good credentials with another key, in the header fields too."""
        old = self.good.key
        fields = [(name, value.replace(old, key) if old else value) for name, value in self.good.headers]
        return replace(self.good, key=key, headers=Headers(fields))

    def _ask(self, *cases: Credentials, at_once: bool = False) -> list[Principal | GatewayError | None]:
        """What one fresh backend answers to each: a principal, None, or the refusal it raised. Lets others through."""

        async def one(backend: AuthBackend, case: Credentials) -> Principal | GatewayError | None:
            try:
                return await backend.authenticate(case)
            except REFUSED as error:
                return error

        async def all_of_them() -> list[Principal | GatewayError | None]:
            backend = self.backend()
            try:
                if at_once:
                    return list(await asyncio.gather(*(one(backend, case) for case in cases)))
                return [await one(backend, case) for case in cases]
            finally:
                await backend.aclose()

        return asyncio.run(all_of_them())


_GARBAGE = (
    "",
    " ",
    "\x00",
    "\r\n",
    "é" * 10,
    "\ud800",
    "💥",
    "a.b.c",
    "..",
    "Bearer",
    "Bearer x",
    "=" * 64,
    "x" * 100_000,
)


def _garbage_headers(key: str) -> Iterator[list[tuple[str, str]]]:
    yield []
    yield [("authorization", key)]
    yield [("authorization", f"Bearer {key}"), ("authorization", "Basic !!!"), ("x-api-key", key)]


def _near_misses(key: str) -> Iterator[str]:
    """Keys that are not `key`: one character off, cut, longer, in other case, with what strings end on in C."""
    other = "x" if key[-1:] != "x" else "y"
    candidates = [key[:-1], key[:-1] + other, other + key[1:], key + other, key * 2, key[::-1], key.swapcase()]
    candidates += [key + "\x00", key + " ", "\x00" + key, key + "é", key[: len(key) // 2], ""]
    return (candidate for candidate in candidates if candidate != key)
