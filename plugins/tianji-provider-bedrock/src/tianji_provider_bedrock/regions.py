"""Regions: which one a call goes to, and what AWS's hosts are called there.

Sources: AWS SDKs and Tools Reference Guide, "AWS Region" and "Shared config and credentials files"; AWS General
Reference, "Amazon Bedrock endpoints"; IAM User Guide, "Amazon Resource Names" (partitions).
"""

from __future__ import annotations

import re
from pathlib import Path

from tianji_provider_bedrock.models import parse_model
from tianji_provider_bedrock.settings import BedrockSettings

DEFAULT_REGION = "us-west-2"
_HOST = re.compile(r"https://[a-z0-9-]+\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")


def settled_region(settings: BedrockSettings) -> str | None:
    """The region that holds whatever model is asked for, if the config says one."""
    return settings.aws_region_name or parse_model(settings.model_id or "").region


def usual_region(settings: BedrockSettings) -> str:
    """The region for models whose names tell none."""
    return (
        parse_model(settings.model).region
        or settings.env("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
        or _profile_region(settings)
        or DEFAULT_REGION
    )


def region_of(url: str) -> str | None:
    """The region in an address of AWS's; None for others."""
    found = _HOST.match(url)
    return found[1] if found else None


def domain(region: str) -> str:
    """The domain of AWS's hosts in a region."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def partition(region: str) -> str:
    """What stands in front of everything in ARNs of a region."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if "-gov-" in region else "aws"


def _profile_region(settings: BedrockSettings) -> str | None:
    """The region that AWS's config file has for the profile named, or for everybody.

    Without a profile and without a file there is nothing to look up, so that botocore need not be imported.
    """
    profile = settings.aws_profile_name or settings.env("AWS_PROFILE")
    if not profile and not _has_config_file(settings):
        return None
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        session = Session(profile=profile)
        if path := settings.env("AWS_CONFIG_FILE"):
            session.set_config_variable("config_file", path)
        found = session.get_scoped_config().get("region")
    except BotoCoreError:
        return None  # the first call tells what is wrong with the profile
    return found if isinstance(found, str) else None


def _has_config_file(settings: BedrockSettings) -> bool:
    path, home = settings.env("AWS_CONFIG_FILE"), settings.env("HOME", "USERPROFILE")
    if path is None and home is None:
        return False
    try:
        return (Path(path) if path else Path(home or "") / ".aws" / "config").is_file()
    except OSError:
        return False
