"""The auth kit passes good backends and sees through bad ones."""

import asyncio
import hashlib
import hmac

import pytest

from tianji_core.api.auth import AuthBackend
from tianji_core.api.call import Principal
from tianji_core.api.errors import AuthenticationError, InternalServerError
from tianji_core.testing.auth import AuthBackendConformance, credentials

KEY, REVOKED = "tok-Good-0123456789", "tok-revoked-987654321"


class Tokens(AuthBackend):
    """Knows one token, refuses others that begin alike."""

    async def authenticate(self, credentials):
        key = credentials.key
        if key is None or not key.startswith("tok-"):
            return None
        if not hmac.compare_digest(key.encode("utf-8", "replace"), KEY.encode()):
            raise AuthenticationError("This token is not good")
        return Principal(key_hash=hashlib.sha256(KEY.encode()).hexdigest(), user_id="u-1")


class TestTokens(AuthBackendConformance):
    good, bad, compares_in_constant_time = credentials(KEY), (credentials(REVOKED),), True

    def backend(self):
        return Tokens()


class Header(AuthBackend):
    """Knows callers by a header field of a proxy in front; judges everybody."""

    async def authenticate(self, credentials):
        user = credentials.headers.get("x-proxy-user")
        return Principal(user_id=user) if user == "anna" else None


class TestHeader(AuthBackendConformance):
    good, unknown = credentials(None, [("x-proxy-user", "anna")]), None

    def backend(self):
        return Header()


class LetsAllIn(Tokens):
    async def authenticate(self, credentials):
        return Principal()


class LetsNobodyIn(Tokens):
    async def authenticate(self, credentials):
        return None


class RefusesStrangers(Tokens):
    async def authenticate(self, credentials):
        if credentials.key is None or not credentials.key.startswith("tok-"):
            raise AuthenticationError("no token")
        return await super().authenticate(credentials)


class PassesBadOnesOn(Tokens):
    async def authenticate(self, credentials):
        try:
            return await super().authenticate(credentials)
        except AuthenticationError:
            return None


class Prefixes(Tokens):
    async def authenticate(self, credentials):
        key = credentials.key or ""
        return Principal() if key.startswith(KEY[:-1]) else None


class NoCase(Tokens):
    async def authenticate(self, credentials):
        return Principal() if (credentials.key or "").lower() == KEY.lower() else None


class KeepsTheKey(Tokens):
    async def authenticate(self, credentials):
        return Principal(key_alias=credentials.key) if await super().authenticate(credentials) else None


class RepeatsTheKey(Tokens):
    async def authenticate(self, credentials):
        try:
            return await super().authenticate(credentials)
        except AuthenticationError:
            raise AuthenticationError(f"The token {credentials.key} is not good") from None


class ShowsTheKey(Tokens):
    def __repr__(self):
        return f"ShowsTheKey({KEY})"


class AsciiOnly(Tokens):
    async def authenticate(self, credentials):
        (credentials.key or "").encode("ascii")
        return await super().authenticate(credentials)


class OtherError(Tokens):
    async def authenticate(self, credentials):
        if (credentials.key or "").startswith("tok-r"):
            raise InternalServerError("database down")
        return await super().authenticate(credentials)


class PlainComparison(Tokens):
    async def authenticate(self, credentials):
        return Principal() if credentials.key == KEY else None


class OneHeaderOnly(Tokens):
    async def authenticate(self, credentials):
        return await super().authenticate(credentials) if len(credentials.headers) < 2 else None


class Muddled(Tokens):
    async def authenticate(self, credentials):
        self.key = credentials.key
        await asyncio.sleep(0)
        return Principal() if self.key == KEY else None


class Varies(Tokens):
    count = 0

    async def authenticate(self, credentials):
        self.count += 1
        return Principal(user_id=f"u-{self.count}")


class NotTwice(Tokens):
    closed = False

    async def aclose(self):
        assert not self.closed
        self.closed = True


@pytest.mark.parametrize(
    ("backend_class", "seen_by"),
    [
        (LetsNobodyIn, "test_good_credentials_give_a_principal"),
        (Varies, "test_the_same_credentials_give_the_same_principal"),
        (LetsAllIn, "test_unknown_credentials_are_left_to_other_backends"),
        (LetsAllIn, "test_no_credentials_give_nobody"),
        (LetsAllIn, "test_bad_credentials_of_its_own_kind_are_refused"),
        (LetsAllIn, "test_garbage_in_headers_raises_nothing_unexpected"),
        (RefusesStrangers, "test_unknown_credentials_are_left_to_other_backends"),
        (RefusesStrangers, "test_no_credentials_give_nobody"),
        (PassesBadOnesOn, "test_bad_credentials_of_its_own_kind_are_refused"),
        (Prefixes, "test_a_key_that_is_only_nearly_right_opens_nothing"),
        (NoCase, "test_a_key_that_is_only_nearly_right_opens_nothing"),
        (KeepsTheKey, "test_the_key_shows_in_no_principal"),
        (RepeatsTheKey, "test_the_key_shows_in_no_error"),
        (ShowsTheKey, "test_the_good_key_does_not_show_in_the_backend_itself"),
        (AsciiOnly, "test_garbage_in_headers_raises_nothing_unexpected"),
        (OtherError, "test_refusals_are_401_or_403"),
        (PlainComparison, "test_secrets_are_compared_in_constant_time"),
        (OneHeaderOnly, "test_garbage_beside_a_good_key_does_no_harm"),
        (Muddled, "test_two_hundred_requests_at_once_get_their_own_answers"),
        (NotTwice, "test_closing_twice_is_no_trouble"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_bad_backends_are_seen_through(backend_class, seen_by, failures):
    class Bad(AuthBackendConformance):
        good, bad, compares_in_constant_time = credentials(KEY), (credentials(REVOKED),), True

        def backend(self):
            return backend_class()

    assert failures(Bad, seen_by) == {seen_by}
