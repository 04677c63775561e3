"""300 made-up documents with structured identifiers, and where these stand. They are the same at every run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from pii_made_up import KINDS, digits

COUNT = 300
_SEED = 20240517

_TEMPLATES: dict[str, tuple[str, ...]] = {
    "mail": (
        "From: {{email}}\nTo: {{email}}\nSubject: Re: invoice {{order}}\n\nHi {{name}},\n\nplease pay to {{iban}} "
        "until {{date}}. If anything is unclear, ring {{phone_uk}} or write to {{email}}.\n\nBest\n{{name}}\n-- \n"
        "{{phone_us}}",
        "Hallo {{name}},\n\nanbei die Rechnung {{order}} über {{amount}} EUR. Bitte überweisen Sie auf {{iban}}.\n"
        "Rückfragen: Tel. {{phone_de}}, mobil {{phone_de}}, E-Mail: {{email}}\n\nMit freundlichen Grüßen\n{{name}}",
        "Bonjour {{name}},\n\nVeuillez appeler le {{phone_fr}} ou écrire à {{email}}. Notre IBAN : {{iban}}.\n"
        "Facture n° {{order}} du {{date}}.\n\nCordialement,\n{{name}}",
        "Hola {{name}}:\n\nMi móvil es {{phone_es}} y mi correo {{email}}. DNI {{nif}}.\nLa cuenta: {{iban}}\n\n"
        "Saludos",
        "Gentile {{name}},\nil mio codice fiscale è {{codice}}, telefono {{phone_it}}, posta {{email}}.\n"
        "IBAN: {{iban}}\nCordiali saluti",
        "Beste {{name}},\n\nBel me op {{phone_nl}} of mail {{email}}. Rekening {{iban}}, bestelling {{order}}.\nGroet",
        "Dear team,\nthe old number {{phone_us}} is gone, use {{phone_us}} from {{date}}. "
        "My new page is {{url}}.\n{{name}}",
    ),
    "ticket": (
        "Ticket #{{order}} opened {{date}} by {{email}}\nCustomer cannot log in from {{ipv4}} (before: {{ipv6}}). Call "
        "back: {{phone_us}}. See {{url}} for the trace.",
        "[{{date}}] Router at {{city}} lost its lease. MAC {{mac}}, last address {{ipv4}}, gateway {{ipv4}}. Contact "
        "{{name}}, {{phone_au}}.",
        "Störung {{order}}: Gerät {{mac}} in {{city}} antwortet nicht unter {{ipv6}}. Melder: {{email}}, Telefon "
        "{{phone_ch}}.",
        "Refund for order {{order}}: card {{card}}, amount {{amount}} EUR. Customer {{email}}, SSN {{ssn}}.",
        "Zgłoszenie {{order}}: klient {{email}}, telefon {{phone_pl}}, konto {{iban}}. Kwota {{amount}} PLN.",
        "Wallet {{bitcoin}} got nothing since {{date}}; sender {{ethereum}} says it was paid. User {{email}}.",
    ),
    "chat": (
        "{{name}}: what's your mail again?\n{{name}}: {{email}}, or text me, {{phone_us}}\n{{name}}: and the card?\n"
        "{{name}}: {{card}}, exp 09/27\n{{name}}: ok, done in 5 min",
        "12:04 <{{name}}> is {{ipv4}} yours?\n12:05 <{{name}}> no, mine is {{ipv6}}\n12:07 <{{name}}> look at {{url}}",
        "{{name}}: mein handy ist {{phone_de}} und das büro {{phone_de}}\n{{name}}: danke, ich schreib an {{email}}",
        "{{name}}: manda o pix, meu telefone {{phone_pt}}, email {{email}}\n{{name}}: feito, {{amount}} reais",
        "{{name}}: my social is {{ssn}} and the ITIN of my wife {{itin}}\n{{name}}: thanks! and a phone? "
        "{{name}}: {{phone_us}}",
        "{{name}}: 我的电话 {{phone_cn}},邮箱 {{email}}\n{{name}}: 好的,{{date}} 见",
        "{{name}}: send the eth to {{ethereum}} pls\n{{name}}: btc is fine too: {{bitcoin}}",
        "{{name}}: мой телефон {{phone_ru}}, почта {{email}}\n{{name}}: спасибо, позвоню {{date}}",
    ),
    "form": (
        "Name: {{name}}\nDate of birth: {{date}}\nSSN: {{ssn}}\nPhone: {{phone_us}}\nE-mail: {{email}}\n"
        "Card number: {{card}}\nPassport number: {{us_passport}}\n",
        "APPLICATION {{order}}\nSocial security number: {{bare_ssn}}\nDriver's license: {{us_licence}}\n"
        "Bank account number: {{us_account}}\nMobile: {{phone_us}}\nAddress: 12 {{city}} Road\n",
        "Patient: {{name}}\nNHS number: {{nhs}}\nNI number: {{nino}}\nTelephone: {{phone_uk}}\nGP mail: {{email}}\n",
        "Nombre: {{name}}\nNIE: {{nie}}\nTeléfono: {{phone_es}}\nCorreo: {{email}}\nIBAN: {{iban}}\nFecha: {{date}}\n",
        "Name of taxpayer: {{name}}\nPAN: {{pan}}\nMobile: {{phone_in}}\nEmail: {{email}}\n",
        "氏名: {{name}}\n電話番号: {{phone_jp}}\nメール: {{email}}\n予約番号: {{order}}\n",
        "Namn: {{name}}\nTelefon: {{phone_se}}\nE-post: {{email}}\nIBAN {{iban}}\n",
        "Nombre: {{name}}\nCelular: {{phone_mx}}\nTarjeta: {{card}}\nCorreo: {{email}}\n",
    ),
    "json": (
        '{"id": {{order}}, "user": {"name": "{{name}}", "email": "{{email}}", "phone": "{{phone}}"}, "card": '
        '"{{card}}", "ip": "{{ipv4}}", "created": "{{date}}"}',
        '{"iban":"{{iban}}","amount":{{amount}},"contact":{"tel":"{{phone_de}}","url":"{{url}}"}}',
        '[{"mac":"{{mac}}","ip":"{{ipv6}}"},{"mac":"{{mac}}","ip":"{{ipv4}}"}]',
        '{"tool": "lookup", "arguments": "{\\"ssn\\": \\"{{ssn}}\\", \\"mail\\": \\"{{email}}\\"}"}',
        '{"wallets": {"btc": "{{bitcoin}}", "eth": "{{ethereum}}"}, "owner": "{{email}}", "mobile": "{{phone}}"}',
    ),
    "csv": (
        "id;name;mail;phone;iban\n{{order}};{{name}};{{email}};{{phone}};{{iban}}\n{{order}};{{name}};{{email}};"
        "{{phone}};{{iban}}\n",
        "order,card,ip,date\n{{order}},{{card}},{{ipv4}},{{date}}\n{{order}},{{card}},{{ipv6}},{{date}}\n",
        "name,ssn,email\n{{name}},{{ssn}},{{email}}\n{{name}},{{ssn}},{{email}}\n",
        "| name | phone | page |\n|---|---|---|\n"
        "| {{name}} | {{phone}} | {{url}} |\n| {{name}} | {{phone}} | {{url}} |\n",
    ),
    "code": (
        'ADMIN = "{{email}}"\nHOST = "{{ipv4}}"\n\ndef test_card():\n'
        '    assert pays("{{card}}", {{amount}})  # v2.{{small}}\n',
        "server {\n    listen [{{ipv6}}]:443;\n    allow {{ipv4}};  # {{email}}\n    proxy_pass {{url}};\n}\n",
        "curl -u {{email}} {{url}}  # from {{ipv4}}:{{small}}\n",
        "INSERT INTO people (mail, tel, iban) VALUES ('{{email}}', '{{phone}}', '{{iban}}');\n",
        "{{date}}T10:0{{digit}}:12Z WARN auth: {{email}} from {{ipv4}} via {{ipv6}}, device {{mac}} "
        "({{small}} tries)\n",
        "<a href=\"{{url}}\">page</a> <a href='mailto:{{email}}'>mail</a> <a href='tel:{{phone_us}}'>call</a>\n",
    ),
    "contract": (
        "between {{name}}, {{city}}, passport no. {{us_passport}}, and {{name}}, SSN {{ssn}}. § 4: The rent of "
        "{{amount}} USD is paid to account no. {{us_account}} by the 3rd. Notices go to {{email}} or by phone to "
        "{{phone_us}}.",
        "zwischen {{name}}, {{city}} (Tel. {{phone_de}}), und {{name}} (Telefon {{phone_ch}}). Die Vergütung von "
        "{{amount}} EUR geht auf das Konto {{iban}}. Schriftverkehr an {{email}}.",
        "entre {{name}}, {{city}}, téléphone {{phone_fr}}, et {{name}}, courriel {{email}}. Le loyer de {{amount}} "
        "EUR est versé sur le compte {{iban}} avant le {{date}}.",
        "This agreement of {{date}} binds {{name}} (National Insurance no. {{nino}}) and {{name}} ({{phone_uk}}, "
        "{{email}}). Deposits: {{iban}}. Clause 7.{{digit}}.2 applies.",
        "tra {{name}}, C.F. {{codice}}, cell. {{phone_it}}, e {{name}}, C.F. {{codice}}. Canone: "
        "{{amount}} EUR su {{iban}}.",
    ),
}
_FILLERS = {
    "name": ("Ann Lee", "Bob", "Carla Rossi", "Jörg Müller", "Mei Ng", "Eva", "Hugo Silva", "Kenji", "Ines Dupont"),
    "city": ("Bern", "Kraków", "Lyon", "Austin", "Leeds", "Sevilla", "Kyoto", "Perth"),
    "date": ("2024-03-18", "18.03.2024", "03/18/2024", "18/03/2024"),
    "order": ("######", "2024-#####", "A-####", "7########"),
    "amount": ("###.##", "1,###.00", "##"),
    "small": ("##", "8###"),
    "digit": ("#",),
}
_FIELD = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Span:
    """An identifier: where it stands in its document, in characters, and what Presidio calls it."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class Document:
    kind: str
    text: str
    spans: tuple[Span, ...]

    def identifiers(self) -> list[str]:
        return [self.text[span.start : span.end] for span in self.spans]


def documents() -> list[Document]:
    """All of them: the templates in turn, each time with other identifiers."""
    random = Random(_SEED)
    kinds = [(kind, template) for kind, templates in _TEMPLATES.items() for template in templates]
    return [_filled(random, *kinds[number % len(kinds)]) for number in range(COUNT)]


def _filled(random: Random, kind: str, template: str) -> Document:
    text, spans, at = "", [], 0
    for field in _FIELD.finditer(template):
        text += template[at : field.start()]
        at = field.end()
        name = field[1]
        if name in KINDS:
            entity, make = KINDS[name]
            identifier = make(random)
            spans.append(Span(len(text), len(text) + len(identifier), entity))
            text += identifier
        else:
            text += digits(random, random.choice(_FILLERS[name]))
    return Document(kind, text + template[at:], tuple(spans))
