"""Readers over the checkpoint that a step had when a run of it began. Source of names: handler-api §1.2."""

from __future__ import annotations

from typing import Any


class StoredCheckpoint:
    """For whatever has a `checkpoint`: a dict, or None."""

    checkpoint: Any

    def has_checkpoint(self) -> bool:
        return self.checkpoint is not None

    @property
    def checkpoint_cursor(self) -> Any:
        """Where to go on."""
        return (self.checkpoint or {}).get("cursor")

    @property
    def checkpoint_items_processed(self) -> int:
        return (self.checkpoint or {}).get("items_processed") or 0

    @property
    def accumulated_results(self) -> Any:
        return (self.checkpoint or {}).get("accumulated_results")
