"""`tasker_core.step_handler.functional`: the decorators."""

from stephost.functional import depends_on, inputs, step_handler

__all__ = ["depends_on", "inputs", "step_handler"]
