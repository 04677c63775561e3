"""`general_settings`: the server."""

from __future__ import annotations

from typing import Literal

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, key, later
from tianji_core.config.schema.pass_through import PassThroughEndpoint
from tianji_core.config.schema.types import AnyMap, Flag, Names, Number, Seconds, SecretText, Text, Whole

Switch = "true or false"


class GeneralSettings(Block):
    """Who may call, limits of requests, shutdown."""

    rare = known.GENERAL_SETTINGS

    master_key: SecretText | None = key(
        None,
        "The admin's key. Without one, only this machine is served.",
        default_text="TIANJI_MASTER_KEY or LITELLM_MASTER_KEY",
    )
    dangerously_permit_weak_or_unset_master_key: Flag = key(
        False, "Start without a master key, or with one known to the world."
    )
    litellm_key_header_name: Text | None = key(
        None, "A further request header that carries the caller's key.", usage="B"
    )
    custom_auth: Text | None = key(None, "`module.function` beside the config that says who calls.", usage="B")
    auth_backends: Names = key(
        [], "Ways to say who calls, asked in this order.", usage="ours", default_text="the master key"
    )
    always_include_stream_usage: Flag | None = key(
        None,
        "true: usage at the end of every stream. false: never ask vendors for it.",
        usage="B",
        default_text="ask always, show on demand",
    )
    max_request_size_mb: Number = key(32.0, "Largest request body.", usage="C")
    max_upload_size_mb: Number = key(512.0, "Largest file that may be uploaded to /v1/files.", usage="ours")
    max_response_size_mb: Number = key(64.0, "Largest answer body.", usage="C")
    response_header_prefix: Literal["x-litellm-", "x-tianji-"] = key(
        "x-litellm-", "How our response headers begin.", usage="ours", kind="x-litellm- or x-tianji-"
    )
    max_in_flight_requests_per_worker: Whole | None = key(
        None, "Most calls at once in one process; more get 503.", usage="C", default_text="no limit"
    )
    drain_timeout: Seconds = key(30.0, "Time for calls in flight at shutdown.", usage="ours")
    pass_through_endpoints: list[PassThroughEndpoint] = key(
        [], "Paths whose requests are passed on as they are.", usage="B", kind="list of blocks"
    )
    pass_through_vendors: Names | None = key(
        None,
        "Providers whose own API is served under `/<provider>/…`; `[]` for none.",
        usage="ours",
        default_text="all",
    )
    pass_through_request_timeout: Seconds = key(
        600.0, "Pass-through: time to the first byte, and longest silence.", usage="C"
    )
    max_pass_through_size_mb: Number = key(
        1024.0, "Largest body that is passed through; such a body is not held in memory.", usage="ours"
    )

    realtime_allowed_origins: Names = key(
        [], "Origins of web pages that may open realtime sessions, `*` for all.", usage="ours", default_text="its own"
    )
    realtime_idle_timeout: Seconds = key(600.0, "Silence after which a realtime session is closed.", usage="ours")
    realtime_without_guardrails: Flag = key(
        False, "Let guardrails look at nothing that is said in realtime sessions.", usage="ours"
    )
    database_url: SecretText | None = key(
        None,
        "Where files, batches and stored answers are: postgresql://… or sqlite:///….",
        default_text="DATABASE_URL, else tianji.db in the working directory",
    )
    database_connection_pool_limit: Whole = key(10, "Most connections to the database in one process.", usage="B")
    database_connection_pool_timeout: Seconds | None = key(
        None, "Time to wait for one of them.", usage="B", default_text="10"
    )
    database_connect_timeout: Seconds | None = key(None, "Time for a connection to open.", usage="B", default_text="5")
    database_socket_timeout: Seconds | None = key(None, "Time for a query.", usage="B", default_text="no limit")
    database_disable_prepared_statements: Flag = key(False, "For poolers without prepared statements.", usage="B")
    price_table: Text | None = key(
        None,
        "A price table, as `tianji prices update` writes it, that goes over the one built in.",
        usage="ours",
        default_text="TIANJI_PRICE_TABLE",
    )
    store_responses: Flag | None = key(
        None,
        "Keep answers of Responses of vendors that do not; false: never.",
        usage="ours",
        default_text="those that a client wants kept; all, if a database is named",
    )
    responses_retention_days: Number = key(30.0, "Days for which they are kept.", usage="ours")

    batches_by: Literal["vendor", "gateway"] = key(
        "vendor",
        "Who does batches of models whose vendor takes some. Those of all others are the gateway's anyway.",
        usage="ours",
        kind="vendor or gateway",
    )
    background_health_checks: Flag = key(False, "Check every deployment now and then.", usage="B")
    health_check_interval: Seconds = key(300.0, "How often, in seconds.", usage="B")
    health_check_concurrency: Whole = key(10, "Checks at once.", usage="C")
    background_health_check_model_groups: Names = key([], "Check these groups only.", usage="C")
    enable_health_check_routing: Flag = key(False, "Skip deployments that have failed their check.", usage="C")
    health_check_staleness_threshold: Seconds | None = key(
        None, "How long a check counts.", usage="C", default_text="two intervals"
    )
    health_check_ignore_transient_errors: Flag = key(False, "Checks that end with 429 or 408 do not count.", usage="C")
    store_model_in_db: Flag = key(False, "Models may be added by API, and are kept in the database.", usage="A")
    batch_concurrency: Whole = key(8, "Lines of batches under way at once in one process.", usage="ours")
    max_batch_file_records: Whole = key(50_000, "Most lines of a batch file.", usage="C")

    alerting: Names = key([], "Where alerts go: slack, ms_teams, discord, pagerduty, email, webhook.", usage="B")
    alert_types: Names = key([], "Only these alerts.", usage="B")
    alert_to_webhook_url: AnyMap = key(
        {}, "Slack webhooks by kind of alert: `{kind: url}`, or a list of them.", usage="B"
    )
    alerting_threshold: Seconds = key(
        300.0, "A call that takes longer is slow, and hangs if it is not over.", usage="B"
    )
    alerting_args: AnyMap = key(
        {}, "When alerts are sent again, what counts as an outage, how often there are reports.", usage="B"
    )
    alert_type_config: AnyMap = key(
        {}, "Alerts to be gathered: `{kind: {digest: true, digest_interval: 3600}}`.", usage="B"
    )

    cancel_on_disconnect = later(
        True, "Stop the upstream call when the client leaves. Tianji always does.", kind=Switch, noop=(True,)
    )
    spend_report_frequency = later(None, "How often spend is reported.", kind="text")
    database_connection_timeout = later(60, "Wait for a database connection.", kind="seconds")
    database_max_idle_connection_lifetime = later(60, "Life of an idle connection.", kind="seconds")
    database_extra_connection_params = later(None, "Further connection parameters.", kind="map")
    proxy_batch_write_at = later(10, "How often spend is written.", kind="seconds")
    use_redis_transaction_buffer = later(False, "Spend goes through Redis.", kind=Switch)
    disable_spend_logs = later(False, "Keep no spend rows.", kind=Switch)
    disable_spend_updates = later(False, "Keep no spend sums.", kind=Switch)
    disable_error_logs = later(False, "Keep no error rows.", kind=Switch)
    disable_reset_budget = later(False, "Never reset budgets.", kind=Switch)
    disable_adding_master_key_hash_to_db = later(False, "Keep the master key's hash out of the database.", kind=Switch)
    store_prompts_in_spend_logs = later(False, "Prompts in spend rows.", kind=Switch)
    maximum_spend_logs_retention_period = later(None, "How long spend rows stay.", kind="text")
    maximum_spend_logs_retention_interval = later("1d", "How often old rows go.", kind="text")
    maximum_spend_logs_cleanup_cron = later(None, "When old rows go.", kind="text")
    maximum_spend_logs_cleanup_batch_size = later(1000, "Rows deleted at once.", kind="integer")
    maximum_spend_logs_cleanup_max_batches = later(500, "Batches of one run.", kind="integer")
    maximum_spend_logs_cleanup_run_budget = later("5m", "Time of one run.", kind="text")
    maximum_spend_logs_cleanup_batch_timeout = later("30s", "Time of one batch.", kind="text")
    use_spend_logs_partitioning = later(False, "Partitioned spend rows.", kind=Switch)
    spend_logs_metadata_fields = later(None, "Metadata kept in spend rows.", kind="map")
    allow_requests_on_db_unavailable = later(False, "Serve while the database is down.", kind=Switch)
    user_api_key_cache_ttl = later(60, "How long a key is trusted without asking.", kind="seconds")
    user_api_key_cache_max_size = later(200, "Keys held in memory.", kind="integer")
    proxy_budget_rescheduler_min_time = later(597, "Shortest pause of the budget reset.", kind="seconds")
    proxy_budget_rescheduler_max_time = later(605, "Longest pause of the budget reset.", kind="seconds")
    proxy_config_reload_interval_seconds = later(30, "How often the database is read again.", kind="seconds")
    health_check_details = later(True, "Say more in /health.", kind=Switch)
    use_shared_health_check = later(False, "One replica checks for all.", kind=Switch)
    model_list_healthy_only = later(False, "List healthy models only.", kind=Switch)
    enforce_user_param = later(False, "Every request must name its user.", kind=Switch)
    enable_jwt_auth = later(False, "Callers with JSON web tokens.", kind=Switch)
    litellm_jwtauth = later(None, "Which claim means what.", kind="map")
    custom_auth_run_common_checks = later(False, "Budgets and rights also after custom_auth.", kind=Switch)
    custom_auth_settings = later(None, "When custom_auth is asked.", kind="map")
    allowed_routes = later(None, "The only routes served.", kind="list of names")
    user_header_mappings = later(None, "Request headers that name the user.", kind="list")
    user_header_name = later(None, "The same, old form.", kind="text")
    use_x_forwarded_for = later(False, "Take the caller's address from X-Forwarded-For.", kind=Switch)
    trusted_proxy_ranges = later(None, "Proxies whose X-Forwarded-For counts.", kind="list of names")
    forward_client_headers_to_llm_api = later(False, "Send the caller's x- headers on.", kind=Switch)
    key_management_system = later(None, "Where os.environ/ values are looked up first.", kind="text")
    key_management_settings = later(None, "Options of that.", kind="map")
