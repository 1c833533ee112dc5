"""Handlers written for Tasker import `tasker_core`; it means the package `stephost`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stephost
from stephost import __all__, __version__

if TYPE_CHECKING:
    from stephost import *  # noqa: F403


def __getattr__(name: str) -> object:
    return getattr(stephost, name)


__all__ = [*__all__, "__version__"]
