"""Finding credentials: one pass for all rules together, and a look for where only by those that hit."""

from __future__ import annotations

from collections.abc import Sequence

import re2

from tianji_guardrail_secrets.rules import Rule, compiled

REDACTED = "[REDACTED]"


class Scanner:
    """Finds what the rules describe. Linear in the length of the text."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        options = re2.Options()
        options.log_errors = False
        self._all = re2.Set.SearchSet(options)
        self._names: list[str] = []
        self._patterns = []
        for rule in rules:
            pattern = compiled(rule.pattern)
            if pattern is None:
                raise ValueError(f"the pattern of {rule.name} cannot be used")
            self._all.Add(rule.pattern.encode())
            self._names.append(rule.name)
            self._patterns.append(pattern)
        self._all.Compile()

    def hide(self, text: str) -> tuple[str, list[str]]:
        """The text without credentials, and the kind of each that was in it."""
        data = text.encode("utf-8", "surrogatepass")
        hits = self._all.Match(data)
        if not hits:
            return text, []
        spans: list[tuple[int, int, str]] = []
        for index in hits:
            for match in self._patterns[index].finditer(data):
                start, end = match.span()
                for group in range(1, len(match.groups()) + 1):
                    if match.group(group) is not None and self._names[index] in _GROUPED:
                        start, end = match.span(group)
                        break
                spans.append((start, end, self._names[index]))
        out, at, kinds = [], 0, []
        for start, end, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
            if start >= at:
                out += [data[at:start], REDACTED.encode()]
                kinds.append(kind)
                at = end
            elif end > at:  # two that overlap are one
                at = end
        out.append(data[at:])
        return b"".join(out).decode("utf-8", "surrogatepass"), kinds


_GROUPED = frozenset({"AWSSecretKey", "AzureStorageKey", "BearerToken", "BasicAuth", "Password"})
"""Rules whose group is the credential; in those of detect-secrets a group may be any part of it."""
