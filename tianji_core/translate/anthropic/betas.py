"""Which `anthropic-beta` values a request needs, told by what is in it.

Source: Anthropic's "Beta headers" page and the pages of the features named below. Some of these features are generally
available by now; the tool versions that came with a beta keep sending it, for hosts that lag behind the vendor's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tianji_core.translate.shapes import as_list, as_object, as_text, objects

HEADER = "anthropic-beta"
"""The header field for them; also in what clients send."""
STRUCTURED_OUTPUTS = "structured-outputs-2025-11-13"
EFFORT = "effort-2025-11-24"
FILES = "files-api-2025-04-14"

_TOOLS = {
    "advisor_20260301": "advisor-tool-2026-03-01",
    "code_execution_20250522": "code-execution-2025-05-22",
    "code_execution_20250825": "code-execution-2025-08-25",
    "computer_20241022": "computer-use-2024-10-22",
    "computer_20250124": "computer-use-2025-01-24",
    "computer_20251124": "computer-use-2025-11-24",
    "bash_20241022": "computer-use-2024-10-22",
    "text_editor_20241022": "computer-use-2024-10-22",
    "mcp_toolset": "mcp-client-2025-11-20",
    "memory_20250818": "context-management-2025-06-27",
    "tool_search_tool_bm25_20251119": "advanced-tool-use-2025-11-20",
    "tool_search_tool_regex_20251119": "advanced-tool-use-2025-11-20",
    "web_fetch_20250910": "web-fetch-2025-09-10",
}
_ADVANCED_TOOL_USE = ("defer_loading", "allowed_callers", "input_examples")


def betas_for(body: dict[str, Any]) -> list[str]:
    """The beta values for a body of the Messages API, each once, in a fixed order."""
    return list(dict.fromkeys(_betas(body)))


def join_betas(*values: Iterable[str] | str | None) -> str:
    """One header value out of lists of betas and of header values; each beta once, the first place counts."""
    found: dict[str, None] = {}
    for value in values:
        for part in value.split(",") if isinstance(value, str) else value or ():
            if part.strip():
                found[part.strip()] = None
    return ",".join(found)


def _betas(body: dict[str, Any]) -> Iterator[str]:
    tools = objects(body.get("tools"))
    for tool in tools:
        if (beta := _TOOLS.get(str(tool.get("type")))) is not None:
            yield beta
        if any(tool.get(name) for name in _ADVANCED_TOOL_USE):
            yield "advanced-tool-use-2025-11-20"
    if body.get("output_format"):
        yield STRUCTURED_OUTPUTS
    if body.get("mcp_servers") and not any(tool.get("type") == "mcp_toolset" for tool in tools):
        yield "mcp-client-2025-04-04"
    if body.get("speed") == "fast":
        yield "fast-mode-2026-02-01"
    yield from _management_betas(body.get("context_management"))
    if as_object(body.get("container")).get("skills"):
        yield from ("code-execution-2025-08-25", "skills-2025-10-02")
    if as_object(body.get("output_config")).get("task_budget"):
        yield "task-budgets-2026-03-13"
    if any(_names_file(block) for turn in body.get("messages") or () for block in turn["content"]):
        yield FILES


def _management_betas(management: Any) -> Iterator[str]:
    for edit in objects(as_object(management).get("edits")):
        kind = as_text(edit.get("type"))
        yield "compact-2026-01-12" if kind.startswith("compact_") else "context-management-2025-06-27"


def _names_file(block: Any) -> bool:
    """Whether a block refers to a file uploaded to the vendor; results of tools may hold such blocks."""
    if not isinstance(block, dict):
        return False
    if block.get("type") == "container_upload":
        return True
    if as_object(block.get("source")).get("type") == "file":
        return True
    return any(_names_file(part) for part in as_list(block.get("content")))
