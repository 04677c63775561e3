"""Which deployment keeps a thing: the one that a caller's words lead to, and later the one where it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from tianji_core.api.call import Principal
from tianji_core.api.errors import BadRequestError, PermissionDeniedError
from tianji_core.routing import Deployment

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway

SETTINGS = {"files": "files_settings", "fine_tuning": "finetune_settings", "assistants": "assistant_settings"}
"""The key of the config that names deployments for a resource; `vector_stores` and `batches` go with files."""
PREFERRED = frozenset({"openai", "azure"})
"""Providers that are taken before others, if a caller leaves it open."""


class Chosen(NamedTuple):
    """A deployment, and the vendor's name of the model that it was chosen by."""

    deployment: Deployment
    model: str | None = None


class Targets:
    """The deployments of one gateway that keep things for callers."""

    def __init__(self, gateway: Gateway) -> None:
        self._models = gateway.pipeline.models
        self._vendors = gateway.vendors
        of_settings = [each for rows in gateway.vendors.values() for each in rows]
        self._all = [*self._models.deployments, *of_settings]
        self._by_id = {each.id: each for each in self._all}

    def choose(
        self, resource: str, principal: Principal, *, model: str | None = None, provider: str | None = None
    ) -> Chosen:
        """The deployment for a resource (`files`, `batches`, `fine_tuning`, …): by the model, else by the provider.

        Raises BadRequestError if there is none, PermissionDeniedError if the model is not the caller's.
        """
        if model is not None:
            found = self._of_model(resource, principal, model, provider)
            if found is not None:
                return found
            if provider is None:
                raise BadRequestError(f"Model {model!r} has no deployment with {_named(resource)}.", param="model")
        rows = self._of_settings(resource, provider) or [
            row for row in self._permitted(principal) if provider in (None, row.provider_name, row.provider.name)
        ]
        able = [row for row in rows if has(row, resource)]
        if not able:
            asked = f"Provider {provider!r}" if provider is not None else "No provider of this gateway"
            raise BadRequestError(
                f"{asked} {'is not set up for' if provider is not None else 'has'} {_named(resource)}.",
                param="custom_llm_provider",
            )
        return Chosen(max(able, key=lambda row: row.provider.name in PREFERRED))  # the first of those

    def serves(self, model: str) -> bool:
        """Whether a model is one of this gateway's."""
        return self._models.resolve(model) is not None

    def model_at(self, deployment: Deployment, model: str) -> str | None:
        """What a model is called where a deployment is; None if it is not served there."""
        target = self._models.resolve(model)
        for row in target.deployments if target is not None else ():
            if target is not None and same_account(row, deployment):
                return target.upstream_model(row)
        return None

    def find(self, id: str | None, account: str | None) -> Deployment | None:
        """The deployment of this id; if the config has none any more, one with the same vendor at the same address."""
        found = self._by_id.get(id or "")
        if found is None and account is not None:
            return next((each for each in self._all if account_of(each) == account), None)
        return found

    def _of_model(self, resource: str, principal: Principal, model: str, provider: str | None) -> Chosen | None:
        target = self._models.resolve(model)
        if target is None:
            return None
        check_model(principal, model)
        for row in target.deployments:
            if has(row, resource) and provider in (None, row.provider_name, row.provider.name):
                return Chosen(row, target.upstream_model(row))
        return None

    def _of_settings(self, resource: str, provider: str | None) -> list[Deployment]:
        rows = self._vendors.get(SETTINGS.get(resource, "files_settings"), ())
        return [row for row in rows if provider in (None, row.provider_name, row.provider.name)]

    def _permitted(self, principal: Principal) -> Iterator[Deployment]:
        """The rows of models that the caller may call."""
        if not principal.models:
            yield from self._models.deployments
            return
        for name in sorted(principal.models):
            target = self._models.resolve(name)
            if target is not None:
                yield from target.deployments


def has(deployment: Deployment, resource: str) -> bool:
    """Whether a deployment's vendor keeps such things."""
    provider = deployment.provider
    if deployment.mock_response is not None:
        return False
    if resource == "batches":
        return provider.batch_api is not None
    return provider.files_api is not None if resource == "files" else resource in provider.resources


def account_of(deployment: Deployment) -> str:
    """Where a deployment's things are: what stays the same when its row is changed in anything else."""
    return f"{deployment.provider.name}|{deployment.api_base}"


def same_account(one: Deployment, other: Deployment) -> bool:
    """Whether what the one keeps is there for the other: the same vendor, address and credential."""
    if one is other:
        return True
    billed = one.provider.settings.organization == other.provider.settings.organization
    return billed and one.secrets == other.secrets and account_of(one) == account_of(other)


def check_model(principal: Principal, model: str) -> None:
    """Raises PermissionDeniedError if a model is not the caller's."""
    if principal.models and model not in principal.models:
        raise PermissionDeniedError(
            f"This key may not call model {model!r}.", type="key_model_access_denied", param="model"
        )


def _named(resource: str) -> str:
    return {"files": "a files API", "batches": "a batch API"}.get(resource, resource.replace("_", " "))
