"""For tests of handlers. Nothing here needs a host; the pytest fixtures are in `stephost.testing.fixtures`."""

from .context_factory import build_context
from .handler_run import HandlerRun, run_batch, run_handler

__all__ = ["HandlerRun", "build_context", "run_batch", "run_handler"]
