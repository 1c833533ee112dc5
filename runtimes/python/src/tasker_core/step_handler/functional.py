"""`tasker_core.step_handler.functional`: the decorators."""

from stephost.functional import Decision, decision_handler, depends_on, inputs, step_handler

__all__ = ["Decision", "decision_handler", "depends_on", "inputs", "step_handler"]
