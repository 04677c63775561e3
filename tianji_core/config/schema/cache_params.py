"""`litellm_settings.cache_params`: the response cache. Known and not honoured yet."""

from __future__ import annotations

from typing import ClassVar

from tianji_core.config.schema.base import Block, later


class CacheParams(Block):
    """The cache of answers. Any option of the Redis client is right here as well."""

    unknown = "warn-if-close"
    passed: ClassVar = {
        "ssl*": "TLS to Redis.",
        "s3_*": "The S3 bucket.",
        "gcs_*": "The GCS bucket.",
        "qdrant_*": "Qdrant.",
        "valkey_*": "Valkey.",
        "redis_*": "Redis.",
        "aws_*": "IAM login to Redis.",
        "username": "User of Redis.",
        "url": "Address of Redis.",
        "db": "Number of the Redis database.",
    }

    type = later("redis", "local, redis, redis-semantic, qdrant-semantic, s3, gcs, azure-blob, disk.", kind="text")
    host = later(None, "Host of Redis.", kind="text")
    port = later(None, "Port of Redis.", kind="integer")
    password = later(None, "Password of Redis.", kind="secret text")
    namespace = later(None, "Prefix of all keys.", kind="text")
    ttl = later(None, "Life of an answer.", kind="seconds")
    default_in_memory_ttl = later(None, "Life in memory.", kind="seconds")
    default_in_redis_ttl = later(None, "Life in Redis.", kind="seconds")
    mode = later("default_on", "default_off: requests ask for the cache.", kind="text")
    supported_call_types = later(None, "Which kinds of call are cached.", kind="list of names")
    redis_startup_nodes = later(None, "Nodes of a Redis cluster.", kind="list")
    service_name = later(None, "Name of the Sentinel service.", kind="text")
    sentinel_nodes = later(None, "Sentinels.", kind="list")
    max_connections = later(None, "Connections to Redis.", kind="integer")
    redis_flush_size = later(None, "Writes sent together.", kind="integer")
    disk_cache_dir = later(None, "Folder of the disk cache.", kind="text")
    azure_account_url = later(None, "Azure storage account.", kind="text")
    azure_blob_container = later(None, "Azure container.", kind="text")
    similarity_threshold = later(None, "How close a semantic hit must be.", kind="number")
    redis_semantic_cache_embedding_model = later(None, "Model for embeddings.", kind="text")
    qdrant_semantic_cache_embedding_model = later(None, "Model for embeddings.", kind="text")
    semantic_cache_scope = later(None, "Who shares semantic hits.", kind="text")
    max_messages = later(4, "Messages that count for a semantic hit.", kind="integer")
