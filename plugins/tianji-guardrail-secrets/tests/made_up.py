"""Credentials that nobody has: put together at run time, so that nothing here looks like one."""

from __future__ import annotations

import base64
from random import Random

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALNUM = _LETTERS + "0123456789"


def some(random: Random, count: int, alphabet: str = _ALNUM) -> str:
    return "".join(random.choice(alphabet) for _ in range(count))


def credentials(random: Random) -> dict[str, str]:
    """One of each kind."""
    digits, hexa, upper = "0123456789", "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    segments = [base64.urlsafe_b64encode(some(random, n).encode()).decode().rstrip("=") for n in (24, 30)]
    return {
        "OpenAI": "sk-" + "proj-" + some(random, 48),
        "Anthropic": "sk-" + "ant-api03-" + some(random, 60),
        "Groq": "gsk" + "_" + some(random, 52),
        "HuggingFace": "hf" + "_" + some(random, 34),
        "GoogleAPIKey": "AI" + "za" + some(random, 35),
        "AWSAccessKey": "AK" + "IA" + some(random, 16, upper),
        "AWSSecretKey": "aws_secret_access_key = " + some(random, 40),
        "GitHub": "gh" + "p_" + some(random, 36),
        "GitHubPat": "github" + "_pat_" + some(random, 60),
        "GitLab": "gl" + "pat-" + some(random, 20),
        "Slack": "xo" + "xb-" + some(random, 12, digits) + "-" + some(random, 12, digits) + "-" + some(random, 24),
        "Stripe": "sk" + "_live_" + some(random, 24),
        "NPM": "np" + "m_" + some(random, 36),
        "PyPI": "py" + "pi-" + some(random, 90),
        "SendGrid": "S" + "G." + some(random, 22) + "." + some(random, 43),
        "Telegram": some(random, 9, digits) + ":" + some(random, 35),
        "Databricks": "da" + "pi" + some(random, 32, hexa),
        "JWT": "ey" + "J" + segments[0] + "." + segments[1] + "." + some(random, 40),
        "Bearer": "Authorization: Bearer " + some(random, 40),
        "BasicAuth": "postgres://admin:" + some(random, 14) + "@db.example.com/app",
        "Password": 'password = "' + some(random, 14) + '"',
        "PrivateKey": "-----BEGIN RSA PRIVATE " + "KEY-----\n" + "\n".join(some(random, 64) for _ in range(12))
        + "\n-----END RSA PRIVATE " + "KEY-----",
    }  # fmt: skip


BENIGN = (
    "Please summarise the minutes of the meeting.",
    "The password policy asks for twelve characters.",
    "Where do I set the api_key in the config?",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b fixes the parser",
    "uuid 123e4567-e89b-12d3-a456-426614174000 was created",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "https://example.com/a/very/long/path?with=query&and=more",
    "def secret(key: str) -> str: return key",
    "Use os.environ['OPENAI_API_KEY'] and never write it down.",
    "token: str | None = None",
    "The bearer of this letter is my friend.",
    "sk-learn is a library; ski-lift is not.",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "Call me at +49 30 1234567, or write to ann@example.com",
    "IBAN DE89 3704 0044 0532 0130 00",
    "git@github.com:owner/repo.git",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx public keys are no secret",
    "password: ********",
    "Version 1.2.3-rc.4+build.5678 of 2026-11-26T12:00:00Z",
    "lorem ipsum dolor sit amet " * 40,
)
