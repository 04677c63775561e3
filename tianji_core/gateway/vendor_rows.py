"""Deployments that serve no model: `files_settings`, `finetune_settings`, `assistant_settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tianji_core.api.http import Network
from tianji_core.config.schema import Deployment as Row
from tianji_core.gateway.deployments import DeploymentBuilder
from tianji_core.routing import Deployment
from tianji_core.transport import Transport

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler

VendorRows = dict[str, tuple[Deployment, ...]]
"""By the key of the config."""


def vendor_rows(compiler: Compiler, transport: Transport, network: Network) -> VendorRows:
    """The deployments of the config's settings for vendors. What is wrong with them is noted on the compiler."""
    config = compiler.config
    found: VendorRows = {}
    for key in ("files_settings", "finetune_settings"):
        rows = getattr(config, key)
        if rows:
            made = [_build(compiler, transport, network, key, index, row.params()) for index, row in enumerate(rows)]
            found[key] = tuple(each for each in made if each is not None)
    if config.assistant_settings is not None:
        one = _build(compiler, transport, network, "assistant_settings", None, config.assistant_settings.params())
        found["assistant_settings"] = () if one is None else (one,)
    return found


def _build(
    compiler: Compiler, transport: Transport, network: Network, key: str, index: int | None, params: dict[str, Any]
) -> Deployment | None:
    path = (key,) if index is None else (key, index)
    inside = (key, "litellm_params") if index is None else path
    name = f"{key}/{params['custom_llm_provider']}" + (f"-{index}" if index else "")
    values = {"model_name": name, "litellm_params": {"model": "*", **params}, "model_info": {"id": name}}
    row = compiler.validate(Row, values, path)
    return DeploymentBuilder(compiler, transport, network, inside).build(row) if isinstance(row, Row) else None
