"""Handlers written for Tasker import `tasker_core`; it means the package `stephost`."""

from stephost import *  # noqa: F403
from stephost import __all__, __version__

__all__ = [*__all__, "__version__"]
