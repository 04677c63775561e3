"""Batches: many calls from one file, done in the background. Imported once there are some."""

from __future__ import annotations

KIND = "batch"
UNFINISHED = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
"""The states of batches that somebody has to work on."""
