"""From `guardrails` and the rows' own to what looks at calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, get_args

from tianji_core.api.guardrail import Guardrail, Stage
from tianji_core.config.schema import Guardrail as Row
from tianji_core.config.schema import GuardrailParams
from tianji_core.gateway.compile_older_guardrails import OlderGuardrails
from tianji_core.gateway.guardrails import ActiveGuardrail, GuardrailChain, Window
from tianji_core.gateway.guardrails.closed import Closed
from tianji_core.gateway.guardrails.custom import CustomGuardrail
from tianji_core.gateway.guardrails.narrowing import narrowing
from tianji_core.telemetry import get_logger

if TYPE_CHECKING:
    from tianji_core.gateway.compile import Compiler, KeyPath
    from tianji_core.routing import Deployment, ModelTable

log = get_logger("tianji.guardrails")

STAGES: frozenset[Any] = frozenset(get_args(Stage))


class GuardrailBuilder:
    """Builds the guardrails of one config, and those that are kept in the store; problems go to the compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._config = compiler.config

    def chain(self, models: ModelTable, rows: Sequence[tuple[Any, Deployment]]) -> GuardrailChain:
        """All of them, in the order of the config; those of older configs come first."""
        active = list(OlderGuardrails(self._compiler).all())
        for index, row in enumerate(self._config.guardrails):
            path = ("guardrails", index, "litellm_params")
            made = self._active(row, path) if row.stored_id is None else self._of_store(row, path)
            if made is not None:
                active.append(made)
        return GuardrailChain(active, self._of_model(models, rows, frozenset(each.name for each in active)))

    def _active(self, row: Row, path: KeyPath) -> ActiveGuardrail | None:
        params = row.litellm_params
        by_tag = {tag: self._known(stages, path) for tag, stages in params.tagged.items()}
        stages = self._known(params.stages, path)
        wanted = stages.union(*by_tag.values())
        if not wanted:
            return None
        made = self._make(row, sorted(wanted), path)
        if made is None:
            return None
        able = {stage for stage in wanted if stage in made.stages}
        for stage in sorted(wanted - able):
            listed = ", ".join(sorted(made.stages))
            self._compiler.problem(
                (*path, "mode"), f"{params.guardrail} cannot run at {stage}", f"It can at: {listed}."
            )
        return ActiveGuardrail(
            row.guardrail_name,
            made,
            made.runs_at(stages & able) if stages & able else frozenset(),
            params.default_on,
            params.guardrail,
            {tag: made.runs_at(of_tag & able) for tag, of_tag in by_tag.items()},
            **_manner(params),
        )

    def _of_store(self, row: Row, path: KeyPath) -> ActiveGuardrail | None:
        """One of the store. Where it cannot be set up the gateway starts, and refuses the calls that it is for."""
        problems = self._compiler.problems
        known = len(problems)
        if row.unreadable is None:
            made = self._active(row, path)
            if len(problems) == known:
                return made
        why = row.unreadable or "; ".join(problem.message for problem in problems[known:])
        del problems[known:]
        log.error("stored guardrail cannot be set up: its calls are refused", guardrail=row.guardrail_name, why=why)
        params = row.litellm_params
        return ActiveGuardrail(
            row.guardrail_name,
            Closed(why),
            STAGES.intersection(params.stages),
            params.default_on,
            params.guardrail,
            {tag: STAGES.intersection(stages) for tag, stages in params.tagged.items()},
            **_manner(params),
        )

    def _known(self, stages: Sequence[str], path: KeyPath) -> frozenset[Any]:
        """The stages that the gateway has; others are told."""
        unknown = [stage for stage in stages if stage not in STAGES]
        if unknown:
            what = f"{', '.join(unknown)} is known, not honoured yet"
            self._compiler.problem((*path, "mode"), what, severity="warning")
        return frozenset(stage for stage in stages if stage in STAGES)

    def _make(self, row: Row, stages: list[Any], path: KeyPath) -> Guardrail | None:
        params = row.litellm_params
        named = {"guardrail": params.guardrail, "mode": stages, "default_on": params.default_on}
        if "." not in params.guardrail:
            made = self._compiler.make(
                "guardrail",
                params.guardrail,
                {**named, **params.extra},
                (*path, "guardrail"),
                inside=path,
                by_api=row.stored_id is not None,
            )
            return made if isinstance(made, Guardrail) else None
        if row.stored_id is not None:
            self._compiler.problem((*path, "guardrail"), "a class by its path may stand in the config file only")
            return None
        found = self._compiler.attribute(params.guardrail, (*path, "guardrail"))
        if found is None:
            return None
        try:
            if CustomGuardrail.fits(found):
                return CustomGuardrail.of(found, row.guardrail_name, stages, params.default_on, params.extra)
            made = found({**named, **params.extra}) if callable(found) else found
        except Exception as error:
            self._compiler.problem((*path, "guardrail"), f"{params.guardrail} cannot be set up: {error}")
            return None
        if isinstance(made, Guardrail):
            return made
        what = "is neither a Guardrail nor a class with the methods of LiteLLM's CustomGuardrail"
        self._compiler.problem((*path, "guardrail"), f"{params.guardrail} {what}")
        return None

    def _of_model(
        self, models: ModelTable, rows: Sequence[tuple[Any, Deployment]], names: frozenset[str]
    ) -> Callable[[str], frozenset[str]] | None:
        """Says which guardrails the rows of a model name; None where no row names any."""
        by_id: dict[str, frozenset[str]] = {}
        for row, deployment in rows:
            asked = frozenset(row.litellm_params.guardrails)
            if asked:
                by_id[deployment.id] = asked
            for name in sorted(asked - names):
                path = ("model_list", row.index, "litellm_params", "guardrails")
                self._compiler.problem(path, f'no guardrail is called "{name}"', f"There are: {_listed(names)}.")
        if not by_id:
            return None
        found: dict[str, frozenset[str]] = {}

        def of_model(model: str) -> frozenset[str]:
            known = found.get(model)
            if known is None:
                target = models.resolve(model)
                deployments = target.deployments if target is not None else ()
                known = frozenset[str]().union(*(by_id.get(each.id, frozenset()) for each in deployments))
                if len(found) < 4096:
                    found[model] = known
            return known

        return of_model


def _manner(params: GuardrailParams) -> dict[str, Any]:
    """What the gateway itself goes by."""
    return {
        "timeout": params.timeout,
        "open_if_unreachable": params.unreachable_fallback == "fail_open",
        "open_if_failing": not params.fail_on_error,
        "streaming": params.streaming,
        "window": Window(params.stream_window, params.stream_overlap),
        "scope": params.stream_scope,
        "template": params.violation_message_template,
        "wants": narrowing(
            skip_system=params.skip_system_message_in_guardrail,
            skip_tools=params.skip_tool_message_in_guardrail,
            only_tool_results=params.scan_only_tool_results,
            only_latest=params.experimental_use_latest_role_message_only,
        ),
    }


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
