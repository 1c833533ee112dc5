"""The pytest fixtures `build_context`, `run_handler`, `run_batch`: `pytest_plugins = ["stephost.testing.fixtures"]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import handler_run
from .context_factory import build_context as make_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..step_context import StepContext
    from .handler_run import HandlerRun


@pytest.fixture
def build_context() -> Callable[..., StepContext]:
    return make_context


@pytest.fixture
def run_handler() -> Callable[..., HandlerRun]:
    return handler_run.run_handler


@pytest.fixture
def run_batch() -> Callable[..., list[HandlerRun]]:
    return handler_run.run_batch
