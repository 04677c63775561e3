"""`tianji serve`: the gateway on a port."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

import click

from tianji_core.cli.problems import print_report
from tianji_core.config import ConfigError, Loaded, Settings, load, load_mapping
from tianji_core.server.master_key import weakness

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - only with a strong master key, see listen_address


@click.command(context_settings={"auto_envvar_prefix": "TIANJI"})
@click.option("-c", "--config", "config_file", type=click.Path(dir_okay=False), help="The proxy_config.yaml.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port to listen on (4000).")
@click.option("--host", help="Address to listen on (0.0.0.0 with a strong master key, else 127.0.0.1).")
@click.option("--workers", "--num_workers", "--num-workers", type=click.IntRange(1), help="Worker processes (1).")
@click.option(
    "--server",
    type=click.Choice(["auto", "hypercorn", "uvicorn"]),
    default="auto",
    show_default=True,
    help="The HTTP server; auto takes uvicorn where it is installed.",
)
@click.option("--model", help="Serve this one model, without a config: provider/model.")
@click.option("--alias", help="The name that clients call --model by.")
@click.option("--api_base", "--api-base", help="The address for --model.")
@click.option("--ssl_keyfile_path", "--ssl-keyfile", "keyfile", type=click.Path(exists=True), help="TLS: key file.")
@click.option(
    "--ssl_certfile_path", "--ssl-certfile", "certfile", type=click.Path(exists=True), help="TLS: certificate."
)
@click.option("--debug", "--detailed_debug", "debug", is_flag=True, help="Log in detail, and tracebacks of failures.")
@click.option("--skip_server_startup", "--validate_config", "dry", is_flag=True, help="Compile the config and end.")
@click.option("--reload", is_flag=True, help="Reload when the config, its includes or the .env change.")
@click.option("--run_hypercorn", is_flag=True, help="The same as --server hypercorn.")
@click.option("--run_gunicorn", "--run_granian", "other_server", is_flag=True, hidden=True)
@click.option("--use_prisma_db_push", "--use_prisma_migrate", "_prisma", is_flag=True, hidden=True)
@click.option("--max_requests_before_restart", type=int, hidden=True)
@click.option("--keepalive_timeout", type=int, default=75, hidden=True)
def serve(
    config_file: str | None,
    port: int | None,
    host: str | None,
    workers: int | None,
    server: str,
    model: str | None,
    alias: str | None,
    api_base: str | None,
    keyfile: str | None,
    certfile: str | None,
    debug: bool,
    dry: bool,
    reload: bool,
    run_hypercorn: bool,
    other_server: bool,
    _prisma: bool,
    max_requests_before_restart: int | None,
    keepalive_timeout: int,
) -> None:
    """Serve the models of a config on a port."""
    from tianji_core.discovery import Registry
    from tianji_core.gateway import Gateway
    from tianji_core.gateway.secrets import with_secrets
    from tianji_core.server import App
    from tianji_core.telemetry.logs import configure_logging, level_of

    registry = Registry.scan()
    loaded = with_secrets(_load(config_file, model, alias, api_base), registry)
    settings = _settings(loaded)
    os.environ.update(loaded.exports)
    json_logs = loaded.config.litellm_settings.json_logs
    configure_logging("DEBUG" if debug else level_of(loaded), json=json_logs)
    try:
        gateway = Gateway.from_config(loaded, registry=registry)
    except ConfigError as error:
        print_report(error.report)
        sys.exit(2)
    print_report(loaded.report)
    if max_requests_before_restart is not None:
        click.echo("--max_requests_before_restart is not needed here and ignored.", err=True)
    if dry:
        click.echo("The config compiles.")
        return
    from tianji_core.server.running import Options, run, try_listening

    chosen = choose_server("hypercorn" if run_hypercorn else server)
    if other_server:
        click.echo(f"gunicorn and granian are not supported; serving with {chosen}.", err=True)
    if reload and loaded.path is None:
        _fail("--reload needs a config file to watch.")
    options = Options(
        host=listen_address(loaded, settings, host),
        port=port if port is not None else settings.port,
        workers=workers if workers is not None else settings.num_workers,
        server=chosen,
        drain=loaded.config.general_settings.drain_timeout,
        keep_alive=keepalive_timeout,
        keyfile=keyfile,
        certfile=certfile,
        debug=debug,
        max_message_bytes=int(loaded.config.general_settings.max_request_size_mb * 1024 * 1024),
        reload=reload,
    )
    source: Any = loaded.path if loaded.path is not None else loaded
    if options.workers > 1 and loaded.path is None:
        _fail("--workers needs a config file: each worker process reads it for itself.")
    try:
        try_listening(options)
        _greet(gateway, options, bool(loaded.config.general_settings.master_key or settings.master_key))
        run(App(gateway, source=source), options, config=str(loaded.path or ""))
    except OSError as error:
        _fail(f"Cannot listen on {options.host}:{options.port}: {error.strerror or error}")


def choose_server(wanted: str) -> str:
    """The server to use: what was asked for, if it is installed."""
    uvicorn = importlib.util.find_spec("uvicorn") is not None
    if wanted == "uvicorn" and not uvicorn:
        _fail("uvicorn is not installed.\n  Install it:  pip install 'tianji-core[fast]'")
    if wanted == "auto":
        return "uvicorn" if uvicorn else "hypercorn"
    return wanted


def listen_address(loaded: Loaded, settings: Settings, asked: str | None) -> str:
    """Where to listen: everywhere with a strong master key, on this machine only without one, unless permitted."""
    host = asked if asked is not None else settings.host if "host" in settings.model_fields_set else None
    general = loaded.config.general_settings
    why = weakness(general.master_key or settings.master_key)
    if why is None or general.dangerously_permit_weak_or_unset_master_key or settings.permit_weak_or_unset_master_key:
        return host if host is not None else EVERYWHERE
    advice = (
        "Set general_settings.master_key (or TIANJI_MASTER_KEY) to a long random one, e.g.:\n"
        "  python3 -c \"import secrets; print('sk-' + secrets.token_urlsafe(32))\""
    )
    if host is None:
        click.echo(f"{why} Listening on this machine only ({LOOPBACK}).\n{advice}", err=True)
        return LOOPBACK
    if not _is_loopback(host):
        _fail(
            f"{why} So the gateway does not listen on {host}.\n{advice}\n"
            "To do it all the same: general_settings.dangerously_permit_weak_or_unset_master_key: true"
        )
    return host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _load(config_file: str | None, model: str | None, alias: str | None, api_base: str | None) -> Loaded:
    """The config of a file, of the environment's CONFIG_FILE_PATH, or made for one model."""
    try:
        if model is not None:
            params = {"model": model, **({"api_base": api_base} if api_base else {})}
            return load_mapping({"model_list": [{"model_name": alias or model, "litellm_params": params}]})
        if config_file is None:
            config_file = Settings.read(os.environ).config_file_path
        if config_file is None:
            _fail("No config: give one with --config proxy_config.yaml, or one model with --model provider/model.")
        return load(Path(str(config_file)))
    except ConfigError as error:
        print_report(error.report)
        sys.exit(2)


def _settings(loaded: Loaded) -> Settings:
    try:
        return Settings.read(loaded.environ)
    except ConfigError as error:
        print_report(error.report)
        sys.exit(2)


def _greet(gateway: Any, options: Any, has_key: bool) -> None:
    """Where the gateway is, and a line to try it with."""
    host = "127.0.0.1" if options.host in (EVERYWHERE, "::", LOOPBACK) else options.host
    url = f"{'https' if options.certfile else 'http'}://{host}:{options.port}"
    names = [name for name, deployment in gateway.pipeline.models.listed()]
    click.echo(f"Tianji serves {len(names)} model{'s' * (len(names) != 1)} on {url} ({options.server})")
    if not names:
        return
    key = "  -H 'Authorization: Bearer '\"$MASTER_KEY\" \\\n" if has_key else ""
    click.echo(
        f"Try it:\n\ncurl {url}/v1/chat/completions \\\n{key}"
        "  -H 'Content-Type: application/json' \\\n"
        f'  -d \'{{"model": "{names[0]}", "messages": [{{"role": "user", "content": "Hello!"}}]}}\'\n'
    )


def _fail(text: str) -> Any:
    click.echo(text, err=True)
    sys.exit(2)
