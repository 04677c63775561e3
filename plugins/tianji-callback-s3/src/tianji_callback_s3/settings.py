"""What the config says of the bucket: LiteLLM's `s3_callback_params`, or the same in `callback_settings.s3_v2`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from tianji_core.api.callback import CallbackSettings

Format = Literal["jsonl", "json", "parquet"]


class S3Settings(CallbackSettings):
    """The keys. Durations are seconds."""

    shared_keys: ClassVar[frozenset[str]] = frozenset({"s3_callback_params"})

    s3_bucket_name: str = Field(description="The bucket")
    s3_region_name: str | None = Field(None, description="Else AWS_REGION, AWS_DEFAULT_REGION [us-east-1]")
    s3_endpoint_url: str | None = Field(None, description="In place of Amazon's: what speaks the same API")
    s3_aws_access_key_id: str | None = Field(None, repr=False, description="Else what botocore finds")
    s3_aws_secret_access_key: str | None = Field(None, repr=False, description="To it")
    s3_aws_session_token: str | None = Field(None, repr=False, description="And to both, if they are temporary")
    s3_path: str = Field("", description="The beginning of keys")
    s3_use_team_prefix: bool = Field(False, description="A team's calls go below its id; with s3_format: json")
    s3_format: Format = Field("jsonl", description="An object for many calls, one for each, or Parquet")
    s3_gzip: bool = Field(True, description="Whether lines are compressed")
    s3_batch_size: int = Field(1_000, ge=1, le=50_000, description="Calls in one object at most")
    s3_flush_interval: float = Field(10.0, gt=0, description="Seconds that a call waits for company")
    timeout: float = Field(30.0, gt=0, description="Seconds that one request may take")
    s3_callback_params: dict[str, Any] = Field(default_factory=dict, repr=False, description="The same keys together")

    @model_validator(mode="before")
    @classmethod
    def _together(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("s3_callback_params"), dict):
            return values
        known = {k: v for k, v in values["s3_callback_params"].items() if k in cls.model_fields and v is not None}
        return {**known, **values}
