"""`tianji explain`: how a call would be routed, and why."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, NoReturn

import click
import orjson

from tianji_core.cli.problems import print_report

SECONDS = 30.0
MOST_BYTES = 16 * 1024 * 1024


@click.command()
@click.option("-c", "--config", "config", type=click.Path(dir_okay=False), help="The config; no server is started.")
@click.option("--url", help="Ask the gateway that runs there instead: with its cooldowns and usage.")
@click.option("--admin-key", envvar="TIANJI_MASTER_KEY", help="The key for --url (TIANJI_MASTER_KEY).")
@click.option("--model", required=True, help="The model that is asked for.")
@click.option("--key", help="The alias of the caller's key.")
@click.option("--team", help="The id of the caller's team.")
@click.option("--tags", help="Tags of the request, with commas in between.")
@click.option("--stream", is_flag=True, help="As a stream.")
@click.option("--prompt", help="What the request says.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def explain(
    config: str | None,
    url: str | None,
    admin_key: str | None,
    model: str,
    key: str | None,
    team: str | None,
    tags: str | None,
    stream: bool,
    prompt: str | None,
    as_json: bool,
) -> None:
    """Say which deployment a call would go to, what keeps it from the others, and which fallbacks follow.

    Nothing is sent to a vendor. Exit status: 0 if the call could go somewhere, 1 if not, 2 if nobody can say.
    """
    if (config is None) == (url is None):
        raise click.UsageError("Either --config or --url is needed.")
    body: dict[str, Any] = {"model": model, "stream": stream, "key_alias": key, "team_id": team}
    if tags:
        body["tags"] = [tag.strip() for tag in tags.split(",") if tag.strip()]
    if prompt is not None:
        body["messages"] = [{"role": "user", "content": prompt}]
    if url is not None:
        said = asyncio.run(_asked(url, admin_key, body))
    else:
        said = asyncio.run(_compiled(str(config), body))
    click.echo(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode() if as_json else "\n".join(_lines(said)))
    routes = [said["route"], *said["fallbacks"]]
    sys.exit(0 if any(route and route.get("picked") for route in routes) else 1)


async def _compiled(config: str, body: dict[str, Any]) -> dict[str, Any]:
    from tianji_core.api.errors import GatewayError
    from tianji_core.config import ConfigError
    from tianji_core.gateway import Gateway
    from tianji_core.gateway.explain import explained
    from tianji_core.gateway.explain_call import imagined
    from tianji_core.telemetry import configure_logging

    configure_logging("ERROR")
    try:
        gateway = Gateway.from_config(config)
    except ConfigError as error:
        print_report(error.report)
        sys.exit(2)
    try:
        return await explained(gateway.pipeline, imagined(gateway, body))
    except GatewayError as error:
        _fail(str(error))
    finally:
        await gateway.aclose()


async def _asked(url: str, key: str | None, body: dict[str, Any]) -> Any:
    from tianji_core.api.http import UpstreamRequest
    from tianji_core.transport import HttptoolsTransport, Timeouts, TransportError

    headers = [("content-type", "application/json"), *([("authorization", f"Bearer {key}")] if key else [])]
    request = UpstreamRequest("POST", f"{url.rstrip('/')}/utils/route", headers, orjson.dumps(body))
    transport = HttptoolsTransport()
    try:
        response = await transport.send(request, Timeouts(first_byte=SECONDS, between_chunks=SECONDS, total=SECONDS))
        async with response:
            status, answer = response.status, await response.read(MOST_BYTES)
    except (TransportError, ValueError) as error:
        _fail(f"{url}: {error}")
    finally:
        await transport.aclose()
    try:
        said = orjson.loads(answer)
        if status == 200:
            return said
        _fail(f"{url}: status {status}: {said['error']['message']}")
    except (ValueError, KeyError, TypeError):
        _fail(f"{url}: status {status}; is that a Tianji gateway?")


def _fail(text: str) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(2)


def _lines(said: dict[str, Any]) -> list[str]:
    lines = [f"policy {each['name']}: {each['reason']}" for each in said["policies"]]
    if said["refused"]:
        return [*lines, f"refused: {said['refused']['message']}"]
    if said["swapped_to"]:
        lines.append(f"a policy has {said['swapped_to']} answer")
    lines += _route("", said["route"])
    for number, each in enumerate(said["fallbacks"], 1):
        if each["skipped"]:
            lines.append(f"fallback {number}: {each['model']}: skipped ({each['skipped']})")
        else:
            lines += _route(f"fallback {number}: ", each)
    for kind, names in said["special_fallbacks"].items():
        lines.append(f"fallbacks for {kind}: {', '.join(names) or 'none'}")
    return lines


def _route(head: str, route: dict[str, Any]) -> list[str]:
    found = route["resolved"]
    how = "" if found is None or found["by"] == "name" else f" ({found['by']} of {found['group']})"
    lines = [f"{head}{route['model']}{how}" + (f", {route['strategy']}" if found else "")]
    for row in route["candidates"]:
        mark, note = ("→", route["why"]) if row["picked"] else (" ", row["left_out"] or "")
        if row["cooldown"]:
            note += f" [rests {row['cooldown']['remaining_seconds']} s more: {row['cooldown']['reason']}]"
        numbers = [f"{name} {row[name]}" for name in ("order", "weight", "rpm", "tpm") if row[name] is not None]
        lines.append(f"  {mark} {row['id']}  {row['provider']}/{row['model']}  {', '.join(numbers)}  {note}".rstrip())
    if route["error"]:
        lines.append(f"  {route['error']['type']}: {route['error']['message']}")
    return lines
