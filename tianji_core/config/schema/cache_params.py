"""`litellm_settings.cache_params`: the response cache, and the Redis it may be in."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from tianji_core.config.schema.base import Block, key, later
from tianji_core.config.schema.types import Before, Flag, Kind, Names, Number, Seconds, SecretText, Text, Whole, wrong


def _mode(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _nodes(value: Any) -> Any:
    if not isinstance(value, list):
        raise wrong("a list of {host, port}")
    return value


Mode = Annotated[Literal["default_on", "default_off"], Before(_mode), Kind("default_on or default_off")]
SharedBy = Annotated[
    Literal["user", "team", "organization", "all"], Before(_mode), Kind("user, team, organization or all")
]
Nodes = Annotated[list[Any], Before(_nodes), Kind("list of {host, port}")]


class CacheParams(Block):
    """The cache of answers. Options of a cache that is a plugin are right here as well."""

    unknown = "warn-if-close"
    passed: ClassVar = {
        "ssl_*": "TLS to Redis.",
        "disk_*": "The disk cache.",
        "s3_*": "The S3 bucket.",
        "gcs_*": "The GCS bucket.",
        "qdrant_*": "Qdrant.",
        "valkey_*": "Valkey.",
        "redis_*": "Redis.",
        "aws_*": "IAM login to Redis.",
    }

    type: Text = key("redis", "`local` (in memory), `redis`, or a plugin's: `disk`.")
    ttl: Seconds | None = key(None, "Life of an answer.", default_text="as long as there is room")
    namespace: Text | None = key(None, "Prefix of all keys.", usage="B")
    mode: Mode = key("default_on", "`default_off`: only requests with `cache: {use-cache: true}` use it.", usage="B")
    supported_call_types: Names | None = key(
        None, "Which kinds of call are cached; the reference's names.", usage="B", default_text="all that can be"
    )
    host: Text | None = key(None, "Host of Redis.", default_text="REDIS_URL, REDIS_HOST")
    port: Whole | None = key(None, "Port of Redis.", default_text="6379")
    password: SecretText | None = key(None, "Password of Redis.")
    username: Text | None = key(None, "User of Redis.", usage="B")
    url: SecretText | None = key(None, "Address of Redis, instead of host and port.", usage="B")
    db: Whole | None = key(None, "Number of the Redis database.", usage="B", default_text="0")
    ssl: Flag = key(False, "TLS to Redis; `ssl_ca_certs` and the like stand beside it.", usage="B")
    default_in_memory_ttl: Seconds | None = key(None, "Life of an answer in memory.", usage="B", default_text="ttl")
    default_in_redis_ttl: Seconds | None = key(None, "Life of an answer in Redis.", usage="B", default_text="ttl")
    redis_startup_nodes: Nodes = key([], "Nodes of a Redis cluster.", usage="B")
    service_name: Text | None = key(None, "Name by which Sentinels know the Redis.", usage="B")
    sentinel_nodes: Nodes = key([], "The Sentinels, as [host, port].", usage="B")
    sentinel_password: SecretText | None = key(None, "Password of the Sentinels.", usage="C")
    disk_cache_dir: Text | None = key(None, "Folder of the disk cache.", usage="B", default_text="tianji-cache")
    max_size_mb: Number = key(64.0, "Memory for answers kept in memory.", usage="ours")
    max_entries: Whole = key(10_000, "How many answers are kept in memory at most.", usage="ours")
    timeout: Seconds = key(0.1, "How long the cache may take; then the call goes on without.", usage="ours")
    shared_by: SharedBy = key(
        "team", "Who has the answers of whom: one user's, team's, organization's, or all.", usage="ours"
    )
    coalesce: Flag = key(False, "Ask the vendor once for equal requests that come at the same time.", usage="ours")

    max_connections = later(None, "Connections to Redis.", kind="integer")
    redis_flush_size = later(None, "Writes sent together.", kind="integer")
    azure_account_url = later(None, "Azure storage account.", kind="text")
    azure_blob_container = later(None, "Azure container.", kind="text")
    similarity_threshold = later(None, "How close a semantic hit must be.", kind="number")
    redis_semantic_cache_embedding_model = later(None, "Model for embeddings.", kind="text")
    qdrant_semantic_cache_embedding_model = later(None, "Model for embeddings.", kind="text")
    semantic_cache_scope = later(None, "Who shares semantic hits.", kind="text")
    max_messages = later(4, "Messages that count for a semantic hit.", kind="integer")
