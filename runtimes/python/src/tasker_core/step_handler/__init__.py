"""`tasker_core.step_handler`: the base classes."""

from stephost.api_capable import ApiHandler
from stephost.batchable_capable import BatchableHandler
from stephost.decision_capable import DecisionHandler
from stephost.step_handler import StepHandler

__all__ = ["ApiHandler", "BatchableHandler", "DecisionHandler", "StepHandler"]
