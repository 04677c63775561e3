"""Identifiers that nobody has: of the right shape, with right check digits, and of a chance that is always the same."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hashlib import sha256
from random import Random

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_HEX = "0123456789abcdef"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_FIRST = ("ann", "bob", "carla", "dmitri", "eva", "farid", "greta", "hugo", "ines", "jörg", "kenji", "lucía", "mei")
_LAST = ("lee", "o'neil", "van-dijk", "garcia", "müller", "rossi", "kowalski", "tanaka", "silva", "dupont", "ng", "roy")
_HOSTS = (
    "example.com", "mail.example.org", "example.co.uk", "uni-example.de", "example.io", "post.example.fr",
    "ex-ample.nl", "example.travel", "mail.corp", "hq.internal", "shop.example", "xn--bcher-kva.example",
    "example.com.br",
)  # fmt: skip

_PHONES = {
    "us": (
        "(212) 7##-####", "415-8##-####", "312.6##.####", "+1 617 4##-####", "+1 (206) 3##-####", "1-713-5##-####",
        "305 8## ####", "+1415793####", "(617)4##-####", "+1-212-7##-####", "212 7##-#### ext. 1#",
    ),
    "uk": (
        "020 7### ####", "+44 20 7### ####", "07700 9#####", "+44 7911 1#####", "0161 4## ####", "(0131) 2## ####",
        "+44 (0)20 7### ####", "01223 3#####", "+44791112####",
    ),
    "de": (
        "030 2#######", "+49 30 2#######", "0171 3######", "0171/3######", "(089) 4####-###", "+49 (0)221 5######",
        "069-7#######", "0049 40 3######", "+49-151-2#######", "+49151234#####", "0221 / 47 ## ## ##",
    ),
    "fr": (
        "01 4# ## ## ##", "06.1#.##.##.##", "+33 1 4# ## ## ##", "+33 6 1# ## ## ##", "0612######", "04-91-##-##-##",
        "+33 (0)1 4# ## ## ##", "0033 6 1# ## ## ##",
    ),
    "es": ("912 4## ###", "+34 61# ### ###", "61# ## ## ##", "93 4## ## ##", "+34 93 4## ## ##", "+3461#######"),
    "it": ("06 6#######", "+39 02 4#######", "347 #######", "+39 333 ### ####", "02-7#######", "02 4### ####"),
    "nl": ("020-6## ####", "+31 20 6## ####", "06-2#######", "+31 6 2#######", "06 2### ####"),
    "ch": ("044 6## ## ##", "+41 44 6## ## ##", "079 3## ## ##", "0041 79 3## ## ##"),
    "pl": ("+48 22 5## ## ##", "22 6## ## ##", "50# ### ###", "+48 60# ### ###"),
    "pt": ("+55 11 9####-####", "(11) 9####-####", "(21) 3###-####", "+351 91# ### ###", "+55 (11) 9####-####"),
    "jp": ("03-3###-####", "090-####-####", "+81 3-3###-####", "+81 90-####-####", "06-6###-####"),
    "in": ("+91 98### #####", "098### #####", "+91-98########", "+91 22 2### ####"),
    "au": ("(02) 9### ####", "0412 ### ###", "+61 2 9### ####", "+61 412 ### ###"),
    "se": ("08-6## ### ##", "+46 70 3## ## ##", "070-3## ## ##"),
    "cn": ("+86 138 #### ####", "138 #### ####", "010-6### ####", "+86 10 6### ####"),
    "ru": ("+7 495 6##-##-##", "8 (495) 6##-##-##", "+7 (916) 6##-##-##"),
    "il": ("054-2##-####", "+972 54-2##-####"),
    "mx": ("+52 55 5### ####", "(55) 5### ####"),
}  # fmt: skip

_BBAN = {
    "DE": "#" * 18, "FR": "#" * 10 + "A" * 11 + "##", "ES": "#" * 20, "IT": "L" + "#" * 22, "NL": "LLLL" + "#" * 10,
    "GB": "LLLL" + "#" * 14, "AT": "#" * 16, "CH": "#" * 5 + "A" * 12, "BE": "#" * 12, "PL": "#" * 24,
    "SE": "#" * 20, "NO": "#" * 11, "DK": "#" * 14, "FI": "#" * 14, "PT": "#" * 21, "IE": "LLLL" + "#" * 14,
    "CZ": "#" * 20, "LU": "###" + "A" * 13, "GR": "#" * 7 + "A" * 16, "SA": "##" + "A" * 18,
}  # fmt: skip
"""What follows the check digits: `#` a digit, `L` a letter, `A` either."""

_CARDS = {
    "visa": (("4",), 16), "mastercard": (("51", "52", "53", "54", "55"), 16),
    "mastercard 2": (("2221", "2540", "2720"), 16), "amex": (("34", "37"), 15), "discover": (("6011", "65"), 16),
    "diners": (("36", "305"), 14), "jcb": (("3528", "3589"), 16),
}  # fmt: skip


def made(random: Random, shape: str) -> str:
    """A shape with digits for `#`, letters for `L` and either for `A`."""
    signs = {"#": "0123456789", "L": _LETTERS, "A": "0123456789" + _LETTERS}
    return "".join(random.choice(signs[sign]) if sign in signs else sign for sign in shape)


def digits(random: Random, shape: str) -> str:
    """A shape with digits for `#`; letters stand for themselves."""
    return "".join(random.choice("0123456789") if sign == "#" else sign for sign in shape)


def grouped(text: str, sizes: tuple[int, ...], gap: str) -> str:
    """Cut into groups of these sizes; the last size goes on to the end."""
    groups, at, left = [], 0, list(sizes)
    while at < len(text):
        size = left.pop(0) if len(left) > 1 else left[0]
        groups.append(text[at : at + size])
        at += size
    return gap.join(groups)


def email(random: Random) -> str:
    first, last, host = random.choice(_FIRST), random.choice(_LAST), random.choice(_HOSTS)
    shape = random.choice(("{0}.{1}", "{0}", "{0}_{1}", "{0}{2}", "{0}.{1}+news", "{1}.{0}.{2}", "info-{1}"))
    found = f"{shape.format(first, last, random.randrange(1, 99))}@{host}"
    return found.upper() if random.random() < 0.08 else found


def phone(country: str) -> Callable[[Random], str]:
    return lambda random: digits(random, random.choice(_PHONES[country]))


def any_phone(random: Random) -> str:
    return phone(random.choice(list(_PHONES)))(random)


def iban(random: Random) -> str:
    country = random.choice(list(_BBAN))
    bban = made(random, _BBAN[country])
    number = "".join(str(int(sign, 36)) for sign in f"{bban}{country}00")
    found = f"{country}{98 - int(number) % 97:02}{bban}"
    return random.choice((found, *[grouped(found, (4,), gap) for gap in "  -"]))


def luhn(number: str) -> str:
    """The number with its check digit."""
    doubled = (int(sign) * (2 - at % 2) for at, sign in enumerate(reversed(number)))
    return number + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def card(random: Random) -> str:
    kind = random.choice(list(_CARDS))
    starts, length = _CARDS[kind]
    start = random.choice(starts)
    number = luhn(start + "".join(random.choice("0123456789") for _ in range(length - 1 - len(start))))
    sizes = (4, 6, 5) if length < 16 else (4,)
    return random.choice((number, *[grouped(number, sizes, gap) for gap in "  -"]))


def ipv4(random: Random) -> str:
    return str(ipaddress.IPv4Address(random.randrange(0x0B000000, 0xDF000000)))


def ipv6(random: Random) -> str:
    address = ipaddress.IPv6Address((0x20010DB8 << 96) | random.getrandbits(random.choice((16, 32, 64, 96))))
    return random.choice((address.compressed, address.compressed, address.exploded, address.exploded.upper()))


def mac(random: Random) -> str:
    sign = made_of(random, 12, _HEX)
    sign = random.choice((sign, sign.upper()))
    return random.choice((grouped(sign, (2,), ":"), grouped(sign, (2,), "-"), grouped(sign, (4,), ".")))


def made_of(random: Random, count: int, alphabet: str) -> str:
    return "".join(random.choice(alphabet) for _ in range(count))


def url(random: Random) -> str:
    host = random.choice((*_HOSTS, "10.20.30.40:8080", "localhost:3000", "intranet"))
    path = random.choice(("users/{0}", "profile?id={0}&tab=2", "{0}.html", "~ann/cv-{0}.pdf", "a/b/c#{0}"))
    scheme = random.choice(("https", "https", "http"))
    return f"{scheme}://{host}/{path.format(random.randrange(1000, 99999))}"


def bitcoin(random: Random) -> str:
    """A pay-to-public-key-hash address with its check sum, or one that everybody uses as an example."""
    if random.random() < 0.3:
        return random.choice(
            (
                "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
                "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
                "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            )
        )
    body = b"\x00" + random.randbytes(20)
    number = int.from_bytes(body + sha256(sha256(body).digest()).digest()[:4], "big")
    signs = ""
    while number:
        number, rest = divmod(number, 58)
        signs = _BASE58[rest] + signs
    return "1" + signs


def ethereum(random: Random) -> str:
    return "0x" + made_of(random, 40, _HEX)


def ssn(random: Random) -> str:
    area, group, serial = random.randrange(100, 660), random.randrange(1, 99), random.randrange(1, 9999)
    gap = random.choice("-- ")
    return f"{area}{gap}{group:02}{gap}{serial:04}"


def bare_ssn(random: Random) -> str:
    return f"{random.randrange(100, 660)}{random.randrange(1, 99):02}{random.randrange(1, 9999):04}"


def itin(random: Random) -> str:
    return f"9{random.randrange(100):02}-{random.randrange(70, 88)}-{random.randrange(1, 9999):04}"


def nhs(random: Random) -> str:
    while True:
        start = f"{random.randrange(400, 800)}{random.randrange(10**6):06}"
        check = -sum(int(sign) * weight for sign, weight in zip(start, range(10, 1, -1), strict=True)) % 11
        if check < 10:
            return grouped(f"{start}{check}", (3, 3, 4), random.choice((" ", " ", "-", "")))


def nino(random: Random) -> str:
    number = f"{random.choice('ABCEHJKLMPRSTWXYZ')}{random.choice('ABCEHJKLMPRSTWXYZ')}" + digits(random, "######")
    found = number + random.choice("ABCD")
    return random.choice((found, grouped(found, (2,), " ")))


def nif(random: Random) -> str:
    number = random.randrange(10**7, 10**8)
    return f"{number}{random.choice(('', '-'))}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def nie(random: Random) -> str:
    first, number = random.randrange(3), random.randrange(10**7)
    return f"{'XYZ'[first]}{number:07}{'TRWAGMYFPDXBNJZSQVHLCKE'[(first * 10**7 + number) % 23]}"


def codice(random: Random) -> str:
    return made(random, "LLLLLL##") + random.choice("ABCDEHLMPRST") + digits(random, "0#") + made(random, "L###L")


def pan(random: Random) -> str:
    return made(random, "LLL") + "P" + made(random, "L####L")


KINDS: dict[str, tuple[str, Callable[[Random], str]]] = {
    "email": ("EMAIL_ADDRESS", email),
    "phone": ("PHONE_NUMBER", any_phone),
    **{f"phone_{country}": ("PHONE_NUMBER", phone(country)) for country in _PHONES},
    "iban": ("IBAN_CODE", iban),
    "card": ("CREDIT_CARD", card),
    "ipv4": ("IP_ADDRESS", ipv4),
    "ipv6": ("IP_ADDRESS", ipv6),
    "mac": ("MAC_ADDRESS", mac),
    "url": ("URL", url),
    "bitcoin": ("CRYPTO", bitcoin),
    "ethereum": ("CRYPTO", ethereum),
    "ssn": ("US_SSN", ssn),
    "bare_ssn": ("US_SSN", bare_ssn),
    "itin": ("US_ITIN", itin),
    "us_passport": ("US_PASSPORT", lambda random: made(random, random.choice(("L########", "#########")))),
    "us_licence": ("US_DRIVER_LICENSE", lambda random: made(random, random.choice(("L#######", "L############")))),
    "us_account": ("US_BANK_NUMBER", lambda random: digits(random, random.choice(("########", "############")))),
    "nhs": ("UK_NHS", nhs),
    "nino": ("UK_NINO", nino),
    "nif": ("ES_NIF", nif),
    "nie": ("ES_NIE", nie),
    "codice": ("IT_FISCAL_CODE", codice),
    "pan": ("IN_PAN", pan),
}
"""What documents name: what Presidio calls it, and what makes one."""
