"""`tasker_core.step_handler`: the base classes."""

from stephost.decision_capable import DecisionHandler
from stephost.step_handler import StepHandler

__all__ = ["DecisionHandler", "StepHandler"]
