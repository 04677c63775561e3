"""URLs that people have, as the drivers get them."""

from __future__ import annotations

import pytest

from tianji_core.store import DatabaseURLError, check_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///tianji.db", {"kind": "sqlite", "path": "tianji.db"}),
        ("sqlite:////var/lib/tianji.db", {"kind": "sqlite", "path": "/var/lib/tianji.db"}),
        ("sqlite+aiosqlite:///a%20b.db", {"kind": "sqlite", "path": "a b.db"}),
        ("sqlite://", {"kind": "sqlite", "path": ":memory:"}),
        ("postgres://h/n", {"kind": "postgresql", "host": "h", "name": "n", "port": None}),
        (
            "postgresql://u%40x:p%2Fw@h:5433/n",
            {"user": "u@x", "password": "p/w", "host": "h", "port": 5433, "name": "n"},
        ),
        ("postgresql+asyncpg://h/n?sslmode=require", {"kind": "postgresql", "options": {"sslmode": "require"}}),
        ("postgresql:///n?host=/var/run/postgresql", {"host": "/var/run/postgresql", "name": "n"}),
        (
            "postgresql://h/n?schema=llm&connection_limit=3&pool_timeout=7&connect_timeout=2&pgbouncer=true",
            {"schema": "llm", "connection_limit": 3, "pool_timeout": 7, "connect_timeout": 2, "prepares": False},
        ),
    ],
)
def test_what_a_url_says(url, expected):
    database = check_url(url)
    assert {name: getattr(database, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://u:hush@h/n", "begins with mysql:"),
        ("hush", "begins with no scheme"),
        ("sqlite://tianji.db", "three slashes"),
        ("postgresql://u:hush@h:port/n", "is no URL"),
        ("postgresql://u:hush@h/n?sslmod=require", "sslmod"),
        ("postgresql://u:hush@h/n?connection_limit=many", "whole number"),
    ],
)
def test_what_cannot_be_used_is_told_without_secrets(url, complaint):
    with pytest.raises(DatabaseURLError) as raised:
        check_url(url)
    assert complaint in str(raised.value)
    assert "hush" not in str(raised.value)


def test_no_secret_is_shown():
    database = check_url("postgresql://u:hush@h:5433/n?sslpassword=hush")
    assert database.shown == "postgresql://h:5433/n"
    assert "hush" not in repr(check_url("postgresql://u:hush@h:5433/n"))
