"""Credentials that are known by their own form, whatever stands around them.

The forms are what the vendors' pages and their keys say; they change, so lengths are taken with some room.
"""

from __future__ import annotations

from typing import Final

from tianji_guardrail_secrets.looks import is_aws_secret, mixed
from tianji_guardrail_secrets.pem import BEGIN, private_keys
from tianji_guardrail_secrets.rule import Rule

_UUID: Final = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"

MODELS: Final = (
    Rule("OpenAI", r"\bsk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,}", 0, mixed,
         ("OpenAIApiKeyDetector", "OpenAIDetector")),
    Rule("Anthropic", r"\bsk-ant-[A-Za-z0-9_-]{24,}"),
    Rule("OpenRouter", r"\bsk-or-v1-[0-9a-f]{48,}"),
    Rule("Groq", r"\bgsk_[A-Za-z0-9]{40,}"),
    Rule("XAI", r"\bxai-[A-Za-z0-9]{60,}"),
    Rule("Perplexity", r"\bpplx-[A-Za-z0-9]{40,}"),
    Rule("Replicate", r"\br8_[A-Za-z0-9]{37}"),
    Rule("HuggingFace", r"\b(?:hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z]{34})", of=("HuggingFaceDetector",)),
    Rule("Nvidia", r"\bnvapi-[A-Za-z0-9_-]{60,}"),
    Rule("Cerebras", r"\bcsk-[A-Za-z0-9]{40,}"),
    Rule("Fireworks", r"\bfw_[A-Za-z0-9]{22,}", 0, mixed),
    Rule("Voyage", r"\bpa-[A-Za-z0-9_-]{43}\b", 0, mixed),
    Rule("ElevenLabs", r"\bsk_[0-9a-f]{48}\b"),
    Rule("Pinecone", r"\bpcsk_[A-Za-z0-9_]{50,}"),
    Rule("Tavily", r"\btvly-(?:dev-|prod-)?[A-Za-z0-9_-]{28,}"),
    Rule("LangSmith", r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    Rule("Langfuse", rf"\bsk-lf-{_UUID}"),
)  # fmt: skip
CLOUDS: Final = (
    Rule("GoogleAPIKey", r"\bAIza[0-9A-Za-z_-]{35}", of=("GCPApiKeyDetector",)),
    Rule("GoogleOAuth", r"\bya29\.[0-9A-Za-z_-]{30,}|\bGOCSPX-[0-9A-Za-z_-]{28}|\b1//0[0-9A-Za-z_-]{40,}"),
    Rule("AWSAccessKey", r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}\b", of=("AWSKeyDetector",)),
    Rule("AWSSecretKey", r"(?i)(?:aws|secret|amazon).{0,50}?(?:key|secret|pw|pass|token).{0,20}?[=:,\s'\"\\>]+"
         r"([0-9A-Za-z/+]{40})(?:[^0-9A-Za-z/+=]|$)", 1, is_aws_secret, ("AWSKeyDetector",)),
    Rule("AWSSessionToken", r"\b(?:IQoJb3|FwoGZX|FQoGZX)[A-Za-z0-9+/=%]{100,}", of=("AWSKeyDetector",)),
    Rule("BedrockAPIKey", r"\b(?:ABSK[A-Za-z0-9+/]{100,}={0,2}|bedrock-api-key-[A-Za-z0-9+/=]{60,})"),
    Rule("AzureKey", r"\b(?:AccountKey|SharedAccessKey|SharedSecretValue)=([A-Za-z0-9+/]{30,}={0,2})", 1,
         of=("AzureStorageKeyDetector",)),
    Rule("AzureSAS", r"[?&;]sig=([A-Za-z0-9%+/]{40,}(?:%3[dD]|=)?)", 1, mixed),
    Rule("AzureClientSecret", r"(?:^|[^A-Za-z0-9_~.-])([A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})", 1),
    Rule("Alibaba", r"\bLTAI[A-Za-z0-9]{12,24}\b", 0, mixed, ("AlibabaSecretDetector",)),
    Rule("DigitalOcean", r"\bdo[opr]_v1_[0-9a-f]{64}"),
    Rule("Databricks", r"\bdapi[0-9a-f]{32}(?:-\d)?\b", of=("DatabricksApiTokenDetector",)),
    Rule("Yandex", r"\b(?:AQVN[A-Za-z0-9_-]{35,38}|y0_[A-Za-z0-9_-]{50,}|YC[A-Za-z0-9_-]{38})\b"
         r"|\bt1\.[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]{86}={0,2}", 0, mixed, ("YandexDetector",)),
    Rule("Heroku", r"\bHRKU-AA[A-Za-z0-9_-]{50,}", of=("HerokuApiKeyDetector",)),
    Rule("Terraform", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}", of=("HashiCorpTFApiTokenDetector",)),
    Rule("Vault", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}", 0, mixed, ("VaultDetector",)),
    Rule("Doppler", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
         of=("DopplerApiTokenDetector",)),
    Rule("Pulumi", r"\bpul-[0-9a-f]{40}", of=("PulumiApiTokenDetector",)),
    Rule("PlanetScale", r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9=._-]{32,64}", of=("PlanetScaleDetector",)),
    Rule("Supabase", r"\bsbp_[0-9a-f]{40}|\bsb_secret_[A-Za-z0-9_-]{30,}"),
    Rule("Scalingo", r"\btk-us-[A-Za-z0-9_-]{48}", of=("ScalingoApiTokenDetector",)),
    Rule("DefinedNetworking", r"\bdnkey-[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}",
         of=("DefinedNetworkingApiTokenDetector",)),
)  # fmt: skip
DEVELOPERS: Final = (
    Rule("GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9_]{36,}|github_pat_[A-Za-z0-9_]{50,})",
         of=("GitHubTokenCustomDetector", "GitHubTokenDetector")),
    Rule("GitLab", r"\b(?:(?:glpat|gldt|glft|glsoat|glrt|glrtr|glcbt|glptt|glagent|gloas|glimt|glffct|glwt)-|GR1348941)"
         r"[A-Za-z0-9_.-]{20,}", of=("GitLabDetector", "GitLabTokenDetector")),
    Rule("Bitbucket", r"\bATBB[A-Za-z0-9]{32}\b", of=("BitbucketDetector",)),
    Rule("Atlassian", r"\bATATT3[A-Za-z0-9_=-]{60,}|\bATCTT3[A-Za-z0-9_=-]{60,}", of=("AtlassianApiTokenDetector",)),
    Rule("NPM", r"\bnpm_[A-Za-z0-9]{36}", of=("NpmDetector",)),
    Rule("NPMAuth", r"(?i)//[^\s/]+/?:_(?:authToken|password)=\s*([A-Za-z0-9+/=_-]{16,})", 1, of=("NpmDetector",)),
    Rule("PyPI", r"\bpypi-[A-Za-z0-9_-]{60,}", of=("PyPiUploadTokenDetector", "PypiTokenDetector")),
    Rule("RubyGems", r"\brubygems_[0-9a-f]{48}", of=("RubygemsApiTokenDetector",)),
    Rule("Clojars", r"(?i)\bCLOJARS_[a-z0-9]{60}", of=("ClojarsApiTokenDetector",)),
    Rule("DockerHub", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    Rule("Artifactory", r"\b(?:AKC[A-Za-z0-9]{10,}|AP[0-9A-F][A-Za-z0-9]{20,}|cmVmdGtu[A-Za-z0-9]{50,})\b", 0, mixed,
         ("ArtifactoryDetector", "JFrogDetector")),
    Rule("Linear", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}", of=("LinearDetector",)),
    Rule("Notion", r"\b(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,})"),
    Rule("Airtable", r"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}", of=("AirtableApiKeyDetector",)),
    Rule("Asana", r"\b\d/\d{13,}(?:/\d+)?:[0-9a-f]{32}\b", of=("AsanaSecretDetector",)),
    Rule("Contentful", r"\bCFPAT-[A-Za-z0-9_-]{43}", of=("ContentfulApiTokenDetector",)),
    Rule("Figma", r"\bfig[dour]_[A-Za-z0-9_-]{40,}"),
    Rule("Grafana", r"\bglsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}|\bglc_[A-Za-z0-9+/]{32,}={0,2}"
         r"|\beyJrIjoi[A-Za-z0-9]{60,}={0,2}", of=("GrafanaDetector",)),
    Rule("Postman", r"\bPMAK-[0-9a-fA-F]{24}-[0-9a-fA-F]{34}", of=("PostmanApiTokenDetector",)),
    Rule("Prefect", r"\bpn[ub]_[A-Za-z0-9]{36}", of=("PrefectApiTokenDetector",)),
    Rule("Readme", r"\brdme_[a-z0-9]{70}", of=("ReadmeApiTokenDetector",)),
    Rule("Sentry", r"\bsntry[su]_[A-Za-z0-9+/=_]{60,}", of=("SentryAccessTokenDetector",)),
    Rule("NewRelic", r"\bNR(?:AK|AL|II|RA)-[A-Za-z0-9_-]{27,}|\bNRJS-[0-9a-f]{19}\b", of=("NewRelicDetector",)),
    Rule("Dynatrace", r"\bdt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}", of=("DynatraceApiTokenDetector",)),
    Rule("LaunchDarkly", rf"\b(?:sdk|api)-{_UUID}", of=("LaunchdarklyAccessTokenDetector",)),
    Rule("Netlify", r"\bnfp_[A-Za-z0-9]{36}", of=("NetlifyAccessTokenDetector",)),
    Rule("FrameIo", r"\bfio-u-[A-Za-z0-9_=-]{60,}", of=("FrameIoApiTokenDetector",)),
    Rule("Adafruit", r"\baio_[A-Za-z0-9]{28}\b", 0, mixed, ("AdafruitKeyDetector",)),
    Rule("Adobe", r"\bp8e-[A-Za-z0-9_-]{32}", 0, mixed, ("AdobeSecretDetector",)),
    Rule("Authress", r"\b(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}"
         r"\.[A-Za-z0-9+/_=-]{30,120}", of=("AuthressAccessKeyDetector",)),
    Rule("Mapbox", r"\bsk\.[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{20,}", of=("MapBoxApiTokenDetector",)),
    Rule("Duffel", r"\bduffel_(?:test|live)_[A-Za-z0-9_=-]{43}", of=("DuffelApiTokenDetector",)),
    Rule("Typeform", r"\btfp_[A-Za-z0-9_.=-]{40,}", of=("TypeformApiTokenDetector",)),
)  # fmt: skip
COMMERCE: Final = (
    Rule("Stripe", r"\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{20,}|\bwhsec_[0-9A-Za-z+/]{24,}", of=("StripeDetector",)),
    Rule("Square", r"\bsq0(?:atp|csp|idp)-[0-9A-Za-z_-]{22,}|\bEAAA[A-Za-z0-9_-]{60}", of=("SquareOAuthDetector",)),
    Rule("Braintree", r"\baccess_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    Rule("Shopify", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", of=("ShopifyDetector",)),
    Rule("Shippo", r"\bshippo_(?:live|test)_[0-9a-f]{40}", of=("ShippoApiTokenDetector",)),
    Rule("EasyPost", r"\bEZ[AT]K[A-Za-z0-9]{54}", of=("EasyPostDetector",)),
    Rule("Flutterwave", r"\bFLWSECK(?:_TEST)?-[A-Za-z0-9]{12,36}(?:-X)?", of=("FlutterwaveDetector",)),
)  # fmt: skip
MESSAGES: Final = (
    Rule("Slack", r"\bxox[a-z](?:\.xox[a-z])?-[0-9A-Za-z-]{10,}|\bxapp-\d-[0-9A-Za-z-]{20,}", 0, mixed,
         ("SlackDetector",)),
    Rule("SlackWebhook", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9_/]{20,})", 1,
         of=("SlackDetector",)),
    Rule("DiscordWebhook", r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/(\d+/[A-Za-z0-9_-]{50,})",
         1, of=("DiscordDetector",)),
    Rule("TeamsWebhook", rf"https://[a-z0-9-]+\.webhook\.office\.com/webhookb2/({_UUID}@{_UUID}/IncomingWebhook/"
         rf"[0-9a-f]{{32}}/{_UUID})", 1, of=("MicrosoftTeamsWebhookDetector",)),
    Rule("Telegram", r"\b(?:bot)?\d{8,10}:[0-9A-Za-z_-]{35}\b", 0, mixed,
         ("TelegramBotApiTokenDetector", "TelegramBotTokenDetector")),
    Rule("SendGrid", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}",
         of=("SendGridApiTokenDetector", "SendGridDetector")),
    Rule("Brevo", r"\bx(?:key|smtp)sib-[0-9a-f]{64}-[A-Za-z0-9]{16}", of=("SendinBlueApiTokenDetector",)),
    Rule("Mailgun", r"\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b", 0, mixed, ("MailgunDetector",)),
    Rule("Mailchimp", r"\b[0-9a-f]{32}-us\d{1,2}\b", of=("MailchimpDetector",)),
    Rule("Facebook", r"\bEAA[A-Za-z0-9]{80,}|\b\d{15,16}(?:\||%7C)[A-Za-z0-9_-]{27}\b", 0, mixed,
         ("FacebookAccessTokenDetector",)),
    Rule("Twitter", r"\bA{20}[A-Za-z0-9%]{60,}", of=("TwitterDetector",)),
    Rule("Dropbox", r"\bsl\.(?:u\.)?[A-Za-z0-9_=-]{120,}", of=("DropboxDetector",)),
    Rule("HubSpot", rf"\bpat-(?:na|eu|ap)\d-{_UUID}", of=("HubSpotApiTokenDetector",)),
)  # fmt: skip
GENERAL: Final = (
    Rule("PrivateKey", BEGIN, find=private_keys, of=("PrivateKeyDetector",)),
    Rule("AgeKey", r"(?i)\bAGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}", of=("AgeSecretKeyDetector",)),
    Rule("JWT", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.(?:[A-Za-z0-9_-]{8,}|[A-Za-z0-9_-]{0,7}\b)",
         of=("JwtTokenDetector",)),
    Rule("JWTBase64", r"\bZXlK[A-Za-z0-9+/_-]{60,}={0,2}", of=("JWTBase64Detector",)),
    Rule("JWKPrivate", r"\\?[\"'](?:d|k)\\?[\"']\s*:\s*\\?[\"']([A-Za-z0-9_-]{40,})\\?[\"']", 1, mixed),
)  # fmt: skip
FORMATS: Final = (*MODELS, *CLOUDS, *DEVELOPERS, *COMMERCE, *MESSAGES, *GENERAL)
