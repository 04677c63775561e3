"""Credentials that are known by what they are called: `api_key=…`, `"password": "…"`, `Authorization: Bearer …`."""

from __future__ import annotations

from typing import Final

from tianji_guardrail_secrets.looks import is_bare_secret, is_quoted_secret, is_url_password, mixed
from tianji_guardrail_secrets.rule import Rule

_NAMES: Final = (
    r"(?:pass(?:word|wort|wd|phrase|code)|pwd|kennwort|contrase(?:ñ|n)a|mot[ _]de[ _]passe|пароль|密码|パスワード"
    r"|secret|token|credentials?|(?:api|access|auth|private|secret|signing|encryption|account|master|service|session"
    r"|client|app|webhook)[_ .-]?(?:key|secret|token))"
)
_ENDS: Final = r"(?:[_-](?:base|value|prod|production|dev|test|staging|live|id|\d{1,2}))?"
_SET: Final = (
    r"(?:(?:\\{0,7}[\"'`])?\]?\s{0,8}(?::=|=>|={1,3}|:\s{0,2}[A-Za-z][A-Za-z0-9_\[\]. |]{0,30}=|:)\s{0,8}"
    r"|\\{0,7}[\"']\s{0,4},\s{0,4}|>\s{0,4}|\s+(?:is|was|lautet|ist|es|est)\s?:?\s{1,4}|\s?：\s?)"
)
"""What stands between a name and its value: in code, JSON, YAML, XML, calls such as `setenv("A", "b")`, and prose."""
_QUOTE: Final = r"\\{0,7}[\"'`]"
"""A quote, also in JSON in JSON in JSON."""
_BARE: Final = r"[^\s\"'`(){}\[\]<>,;:|&\\]"
_AFTER: Final = r"(?:$|[\s\"'`,;)\]}<|&\\.!?])"

_VENDORS: Final[tuple[tuple[str, str, str], ...]] = (
    ("AdobeSecretDetector", "adobe", "[0-9a-f]{32}"),
    ("AirtableApiKeyDetector", "airtable", "[a-z0-9]{17}"),
    ("AlgoliaApiKeyDetector", "algolia", "[0-9a-f]{32}"),
    ("AlibabaSecretDetector", "alibaba|aliyun", "[a-z0-9]{30}"),
    ("AsanaSecretDetector", "asana", "[a-z0-9]{32}"),
    ("AtlassianApiTokenDetector", "atlassian|confluence|jira", "[a-z0-9]{24}"),
    ("BeamerApiTokenDetector", "beamer", "b_[a-z0-9=_-]{44}"),
    ("BitbucketDetector", "bitbucket", "[a-z0-9=_-]{32}(?:[a-z0-9=_-]{32})?"),
    ("BittrexDetector", "bittrex", "[a-z0-9]{32}"),
    ("CloudantDetector", "cloudant", "(?:[0-9a-f]{64}|[a-z]{24})"),
    ("CodecovAccessTokenDetector", "codecov", "[a-z0-9]{32}"),
    ("CoinbaseAccessTokenDetector", "coinbase", "[a-z0-9_-]{64}"),
    ("ConfluentDetector", "confluent", "(?:[a-z0-9]{64}|[a-z0-9]{16})"),
    ("ContentfulApiTokenDetector", "contentful", "[a-z0-9=_-]{43}"),
    ("DatadogAccessTokenDetector", "datadog|dd_api|dd_app", "(?:[a-z0-9]{40}|[a-z0-9]{32})"),
    ("DiscordDetector", "discord", "(?:[0-9a-f]{64}|[a-z0-9=_-]{32})"),
    ("DroneciAccessTokenDetector", "drone(?:ci)?", "[a-z0-9]{32}"),
    ("DropboxDetector", "dropbox", "(?:[a-z0-9=_-]{43,64}|[a-z0-9]{15})"),
    ("EtsyAccessTokenDetector", "etsy", "[a-z0-9]{24}"),
    ("FacebookAccessTokenDetector", "facebook|fb_app", "[0-9a-f]{32}"),
    ("FastlyApiKeyDetector", "fastly", "[a-z0-9=_-]{32}"),
    ("FinicityDetector", "finicity", "(?:[0-9a-f]{32}|[a-z0-9]{20})"),
    ("FinnhubAccessTokenDetector", "finnhub", "[a-z0-9]{20}"),
    ("FlickrAccessTokenDetector", "flickr", "[a-z0-9]{32}"),
    ("FreshbooksAccessTokenDetector", "freshbooks", "[a-z0-9]{64}"),
    ("GitterAccessTokenDetector", "gitter", "[a-z0-9_-]{40}"),
    ("GoCardlessApiTokenDetector", "gocardless", "live_[a-z0-9_=-]{40}"),
    ("GradientAIDetector", "gradient(?:ai)?", "[a-z0-9]{32}"),
    ("HerokuApiKeyDetector", "heroku", "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    ("HubSpotApiTokenDetector", "hubspot", "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    ("IbmCloudIamDetector", "ibm|bluemix|iam_api", "[a-z0-9_-]{44}"),
    ("IbmCosHmacDetector", "cos_hmac|cos|hmac", "[0-9a-f]{48}"),
    ("IntercomApiTokenDetector", "intercom", "[a-z0-9=_-]{60}"),
    ("JFrogDetector", "jfrog|artifactory|xray", "(?:[a-z0-9]{73}|[a-z0-9]{64})"),
    ("KrakenAccessTokenDetector", "kraken", "[a-z0-9/=_+-]{80,90}"),
    ("KucoinDetector", "kucoin", "(?:[0-9a-f]{24}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"),
    ("LaunchdarklyAccessTokenDetector", "launchdarkly", "[a-z0-9=_-]{40}"),
    ("LinearDetector", "linear", "[0-9a-f]{32}"),
    ("LinkedInDetector", "linked-?in", "[a-z0-9]{14,16}"),
    ("LobDetector", "lob", "(?:live|test)_(?:pub_)?[0-9a-f]{31,35}"),
    ("MailgunDetector", "mailgun", "(?:pub)?key-[0-9a-f]{32}"),
    ("MattermostAccessTokenDetector", "mattermost", "[a-z0-9]{26}"),
    ("MessageBirdDetector", "message-?bird", "(?:[a-z0-9]{25}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"),
    ("NetlifyAccessTokenDetector", "netlify", "[a-z0-9=_-]{40,46}"),
    ("NewRelicDetector", "new-?relic", "[a-z0-9]{32,64}"),
    ("NYTimesAccessTokenDetector", "nytimes|new-york-times", "[a-z0-9=_-]{32}"),
    ("OktaAccessTokenDetector", "okta", "[a-z0-9=_-]{42}"),
    ("RapidApiAccessTokenDetector", "rapid-?api", "[a-z0-9_-]{50}"),
    ("SendbirdDetector", "sendbird", "(?:[0-9a-f]{40}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})"),
    ("SentryAccessTokenDetector", "sentry", "[0-9a-f]{64}"),
    ("SnykApiTokenDetector", "snyk", "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    ("SoftlayerDetector", "softlayer", "[a-z0-9]{64}"),
    ("SquarespaceAccessTokenDetector", "squarespace", "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    ("SumoLogicDetector", "sumo(?:logic)?", "(?:su[a-z0-9]{12}|[a-z0-9]{64})"),
    ("TravisCiAccessTokenDetector", "travis", "[a-z0-9]{22}"),
    ("TwilioKeyDetector", "twilio", "[0-9a-f]{32}"),
    ("TwitchApiTokenDetector", "twitch", "[a-z0-9]{30}"),
    ("TwitterDetector", "twitter", "(?:[a-z0-9]{45,50}|[a-z0-9]{35,44}|[a-z0-9]{25})"),
    ("ZendeskSecretKeyDetector", "zendesk", "[a-z0-9]{40}"),
    ("CohereKey", "cohere|co_api", "[a-z0-9]{40}"),
    ("MistralKey", "mistral", "[a-z0-9]{32}"),
    ("TogetherKey", "together", "[0-9a-f]{64}"),
    ("AzureOpenAIKey", "azure|openai|cognitive", "(?:[0-9a-f]{32}|[a-z0-9]{84})"),
    ("CloudflareKey", "cloudflare|cf_api", "(?:[a-z0-9_-]{40}|[0-9a-f]{37})"),
)
"""Detector or kind, what its vendor is called, what its keys look like: too common a form to be known by it alone."""


def _vendor(name: str, called: str, form: str) -> Rule:
    pattern = rf"(?i)\b(?:{called})[\w.-]{{0,24}}{_SET}(?:{_QUOTE})?({form})(?:$|[^A-Za-z0-9_-])"
    return Rule(name, pattern, 1, None if name == "CloudantDetector" else mixed)


ASSIGNED: Final = (
    Rule("Password", rf"(?i){_NAMES}{_ENDS}{_SET}{_QUOTE}([^\s\"'`\\]{{4,}}){_QUOTE}", 1, is_quoted_secret,
         ("KeywordDetector",)),
    Rule("BarePassword", rf"(?i){_NAMES}{_ENDS}{_SET}({_BARE}{{5,}}[^\s\"'`(){{}}\[\]<>,;:|&\\.!?]){_AFTER}", 1,
         is_bare_secret, ("KeywordDetector",)),
    Rule("Option", rf"(?i)\s--?(?:password|passwd|pass|token|secret|api-?key|auth-token|access-token)[= ]\s{{0,2}}"
         rf"(?:{_QUOTE})?({_BARE}{{6,}})", 1, is_quoted_secret, ("KeywordDetector",)),
    Rule("ConnectionString", r"(?i)\b(?:password|pwd)\s{0,2}=\s{0,2}([^;\s\"'&\\]{3,})\s{0,2};", 1, is_url_password,
         ("KeywordDetector", "BasicAuthDetector")),
    Rule("Netrc", r"\blogin\s+\S{1,100}\s+password\s+([^\s\"'\\]{3,})", 1, is_url_password, ("BasicAuthDetector",)),
    Rule("BasicAuth", r"://[^\s:/?#\[\]@\"'`<>\\]{0,200}:([^\s/?#\[\]@\"'`<>\\]{3,})@", 1, is_url_password,
         ("BasicAuthDetector",)),
    Rule("CurlUser", r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)\s{0,2}['\"\\]{0,2}[^\s:'\"\\]{1,100}:([^\s'\"\\]{3,})", 1,
         is_url_password, ("BasicAuthDetector",)),
    Rule("BasicHeader", r"(?i)\bauthorization\\?[\"']?\s{0,2}[:=]\s{0,2}\\?[\"']?basic\s+([A-Za-z0-9+/]{8,}={0,2})", 1,
         of=("BasicAuthDetector",)),
    Rule("BearerToken", r"(?i)\bbearer\s+([A-Za-z0-9_.~+/-]{16,}=*)", 1, mixed),
    *(_vendor(*vendor) for vendor in _VENDORS),
)  # fmt: skip
"""By their names; those that end in `Detector` are what detect-secrets and LiteLLM call them."""
