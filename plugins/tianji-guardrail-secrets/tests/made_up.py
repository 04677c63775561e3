"""Credentials that nobody has: put together at run time, so that nothing here looks like one."""

from __future__ import annotations

import base64
import json
from random import Random

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALNUM = _LETTERS + "0123456789"
_DIGITS, _HEX, _UPPER = "0123456789", "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def some(random: Random, count: int, alphabet: str = _ALNUM) -> str:
    return "".join(random.choice(alphabet) for _ in range(count))


def uuid(random: Random) -> str:
    return "-".join(some(random, count, _HEX) for count in (8, 4, 4, 4, 12))


def pem(random: Random, kind: str = "RSA ", lines: int = 12, head: str = "") -> str:
    body = "\n".join(some(random, 64) for _ in range(lines)) + "\n" + some(random, 22) + "=="
    return f"-----BEGIN {kind}PRIVATE " + f"KEY-----\n{head}{body}\n-----END {kind}PRIVATE " + "KEY-----"


def by_form(random: Random) -> dict[str, str]:
    """Credentials that are known by their own form, one of each kind."""
    segments = [base64.urlsafe_b64encode(some(random, n).encode()).decode().rstrip("=") for n in (24, 30)]
    jwt = "ey" + "J" + segments[0] + "." + segments[1] + "." + some(random, 40)
    return {
        "OpenAI": "sk-" + "proj-" + some(random, 48),
        "OpenAI, old": "sk-" + some(random, 20) + "T3Blbk" + "FJ" + some(random, 20),
        "virtual key": "sk-" + some(random, 22),
        "DeepSeek": "sk-" + some(random, 32, _HEX),
        "Anthropic": "sk-" + "ant-api03-" + some(random, 93),
        "OpenRouter": "sk-" + "or-v1-" + some(random, 64, _HEX),
        "Groq": "gsk" + "_" + some(random, 52),
        "xAI": "xai" + "-" + some(random, 80),
        "Perplexity": "pplx" + "-" + some(random, 48),
        "Replicate": "r8" + "_" + some(random, 37),
        "HuggingFace": "hf" + "_" + some(random, 34),
        "Nvidia": "nvapi" + "-" + some(random, 64),
        "LangSmith": "lsv2" + "_pt_" + some(random, 32, _HEX) + "_" + some(random, 10, _HEX),
        "Google": "AI" + "za" + some(random, 35),
        "Google OAuth": "GOC" + "SPX-" + some(random, 28),
        "AWS id": "AK" + "IA" + some(random, 16, _UPPER),
        "AWS session id": "AS" + "IA" + some(random, 16, _UPPER),
        "Azure client secret": some(random, 3) + "8" + "Q~" + some(random, 34),
        "Alibaba": "LT" + "AI" + some(random, 20),
        "DigitalOcean": "do" + "p_v1_" + some(random, 64, _HEX),
        "Databricks": "da" + "pi" + some(random, 32, _HEX),
        "Terraform": some(random, 14) + ".atlas" + "v1." + some(random, 66),
        "Vault": "hv" + "s." + some(random, 90),
        "Doppler": "dp" + ".pt." + some(random, 43),
        "Pulumi": "pu" + "l-" + some(random, 40, _HEX),
        "PlanetScale": "pscale" + "_tkn_" + some(random, 43),
        "GitHub": "gh" + "p_" + some(random, 36),
        "GitHub, fine-grained": "github" + "_pat_" + some(random, 22) + "_" + some(random, 59),
        "GitLab": "gl" + "pat-" + some(random, 20),
        "GitLab runner": "gl" + "rt-" + some(random, 20),
        "Bitbucket": "AT" + "BB" + some(random, 32),
        "Atlassian": "ATA" + "TT3" + some(random, 186),
        "npm": "np" + "m_" + some(random, 36),
        "PyPI": "py" + "pi-AgEIcHlwaS5vcmc" + some(random, 120),
        "RubyGems": "ruby" + "gems_" + some(random, 48, _HEX),
        "Docker Hub": "dckr" + "_pat_" + some(random, 27),
        "Linear": "lin" + "_api_" + some(random, 40),
        "Notion": "nt" + "n_" + some(random, 46),
        "Airtable": "pa" + "t" + some(random, 14) + "." + some(random, 64, _HEX),
        "Figma": "fi" + "gd_" + some(random, 43),
        "Grafana": "gl" + "sa_" + some(random, 32) + "_" + some(random, 8, _HEX),
        "Postman": "PM" + "AK-" + some(random, 24, _HEX) + "-" + some(random, 34, _HEX),
        "Sentry": "snt" + "rys_" + some(random, 90),
        "New Relic": "NR" + "AK-" + some(random, 27, _UPPER),
        "Dynatrace": "dt" + "0c01." + some(random, 24, _UPPER) + "." + some(random, 64, _UPPER),
        "Stripe": "sk" + "_live_" + some(random, 24),
        "Stripe webhook": "wh" + "sec_" + some(random, 32),
        "Square": "sq" + "0csp-" + some(random, 43),
        "Shopify": "sh" + "pat_" + some(random, 32, _HEX),
        "Slack bot": "xo" + "xb-" + "-".join((some(random, 12, _DIGITS), some(random, 12, _DIGITS), some(random, 24))),
        "Slack app": "xa" + "pp-1-" + "-".join((some(random, 10, _UPPER), some(random, 13, _DIGITS), some(random, 60))),
        "Discord bot": "M" + some(random, 23) + "." + some(random, 6) + "." + some(random, 27),
        "Telegram": some(random, 9, _DIGITS) + ":" + some(random, 35),
        "SendGrid": "S" + "G." + some(random, 22) + "." + some(random, 43),
        "Brevo": "xkey" + "sib-" + some(random, 64, _HEX) + "-" + some(random, 16),
        "Mailgun": "ke" + "y-" + some(random, 32, _HEX),
        "Mailchimp": some(random, 32, _HEX) + "-us" + "12",
        "HubSpot": "pa" + "t-na1-" + uuid(random),
        "Twilio": "S" + "K" + some(random, 32, _HEX),
        "age": "AGE-" + "SECRET-KEY-1" + some(random, 58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
        "JWT": jwt,
        "JWT in base64": base64.b64encode(jwt.encode()).decode(),
        "PEM, RSA": pem(random),
        "PEM, PKCS 8": pem(random, ""),
        "PEM, OpenSSH": pem(random, "OPENSSH "),
        "PEM, encrypted": pem(random, "RSA ", 12, "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\n"),
    }  # fmt: skip


def by_name(random: Random) -> dict[str, tuple[str, str]]:
    """Texts whose words give a credential away, each with that credential."""
    word = some(random, 8) + "7!" + some(random, 4) + "2"
    key, hexa = some(random, 38) + "a7", some(random, 31, _HEX) + "9"
    ident, okta = uuid(random), "00" + some(random, 40)
    basic, owned = base64.b64encode(f"ann:{word}".encode()).decode(), json.dumps(pem(random, ""))[1:-1]
    return {
        "env": (f"export DB_PASSWORD={word}", word),
        "env, vendor": (f"MISTRAL_API_KEY={hexa}", hexa),
        "env, quoted": (f"MY_APP_SECRET='{word}'", word),
        "python": (f'password = "{word}"', word),
        "python, typed": (f'api_key: str = "{key}"', key),
        "python, dict": (f"{{'client_secret': '{key}'}}", key),
        "javascript": (f"const accessToken = `{key}`;", key),
        "go": (f'apiKey := "{key}"', key),
        "ruby": (f':secret_key => "{key}"', key),
        "php": (f"$password = '{word}';", word),
        "java": (f'conn.setProperty("db.password", "{word}");', word),
        "shell": (f"mysql --password {word} --host db", word),
        "json": (json.dumps({"user": "ann", "password": word}), word),
        "json in json": (json.dumps({"body": json.dumps({"token": key})}), key),
        "yaml": (f"db:\n  user: ann\n  password: {word}\n", word),
        "yaml, quoted": (f'auth-token: "{key}"', key),
        "toml": (f'secret_key = "{word}"', word),
        "xml": (f"<user>ann</user><password>{word}</password>", word),
        "prose": (f"Hi, my password is {word} and I cannot log in.", word),
        "prose, colon": (f"User: ann\nPassword: {word}", word),
        "prose, German": (f"Mein Passwort lautet {word}, was nun?", word),
        "query": (f"GET /v1/things?api_key={key}&page=2", key),
        "postgres": (f"postgres://admin:{word}@db.example.com/app", word),
        "redis": (f"redis://:{word}@cache:6379/0", word),
        "mongodb": (f"mongodb+srv://ann:{word}@c0.example.net/?retryWrites=true", word),
        "ADO": (f"Server=db;Database=app;User Id=sa;Password={word};", word),
        "ADO, words": ("Server=db;User Id=sa;Pwd=correcthorse;", "correcthorse"),
        "bearer": (f"Authorization: Bearer {key}", key),
        "bearer, json": (json.dumps({"headers": {"Authorization": f"Bearer {key}"}}), key),
        "basic": (f"Authorization: Basic {basic}", basic),
        "curl": (f"curl -s -u ann:{word} https://example.com", word),
        "netrc": (f"machine example.com login ann password {word}", word),
        "npmrc": (f"//registry.example.com/:_authToken={ident}", ident),
        "AWS secret": (f"aws_secret_access_key = {key}", key),
        "AWS secret, json": (json.dumps({"SecretAccessKey": key}), key),
        "Azure storage": (f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={key * 2}==;", key * 2),
        "vendor, heroku": (f"heroku = {ident}", ident),
        "vendor, datadog": (f'datadog: "{hexa}"', hexa),
        "vendor, okta": (f"OKTA_CLIENT={okta}", okta),
        "service account": (f'{{"private_key": "{owned}"}}', owned[40:-40]),
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
    "api_key = os.environ['API_KEY']",
    "api_key: os.environ/OPENAI_API_KEY",
    "api_key=settings.api_key2,",
    "token = get_token2(user1)",
    "password = getpass.getpass('Password: ')",
    "export TOKEN=$GITHUB_TOKEN",
    'password: "${DB_PASSWORD}"',
    "secret: {{ vault_secret_2 }}",
    "postgres://user:${PASSWORD}@db/app",
    "postgres://user:<password>@db/app",
    "PASSWORD=changeme",
    'api_key = "your-api-key-1234"',
    "max_tokens: 100000000",
    "prompt_tokens=12345678 completion_tokens=87654321",
    "The token is expired since 2026-01-01.",
    "password is required and must have 12 characters",
    '{"password": {"type": "string", "minLength": 12}}',
    '{"label": "Password", "token": "token", "secret": "webhookSecret"}',
    "<input type='password' name='password' placeholder='Password'>",
    "if password == confirm_password: return True",
    "Bearer authentication is described in RFC 6750.",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "-----BEGIN PUBLIC "
    + "KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX\n-----END PUBLIC "
    + "KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIB8jCCAZmgAwIBAgIQExampleExampleExample\n-----END CERTIFICATE-----",
    'if line.startswith("-----BEGIN RSA PRIVATE ' + 'KEY-----"): raise ValueError',
    "-----BEGIN PRIVATE " + "KEY-----\n...\n-----END PRIVATE " + "KEY-----",
    "The discord server has 32 channels; heroku = cloud; twitter: @ann",
    "secret_key_base and SECRET_KEY are settings of web frameworks.",
    "const token = req.headers['x-token'];",
    "pwd\n/home/ann/src/project2024/build17",
    "The passphrase was chosen by the committee in 1987.",
    "color: #3f786850; margin: 12px",
    "MD5 (file) = d41d8cd98f00b204e9800998ecf8427e",
    "P11_KIT_PRIVATE_KEY = P11_KIT_URI_FOR_11",
    "The secret ingredient: butter200g",
    "isbn 978-3-16-148410-0, doi:10.1000/182, arXiv:2401.12345v2",
    "mongodb://localhost:27017,localhost:27018/?replicaSet=test",
    "http://localhost:8080/a@b and http://[::1]:4000/",
    "k8s-node-pool-7f9c5d6b8-x2x4z is ready",
)
