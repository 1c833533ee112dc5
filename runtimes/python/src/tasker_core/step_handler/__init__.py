"""`tasker_core.step_handler`: the base class."""

from stephost.step_handler import StepHandler

__all__ = ["StepHandler"]
