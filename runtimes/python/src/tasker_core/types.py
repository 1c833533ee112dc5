"""`tasker_core.types`: the context and the results of handlers."""

from stephost.errors import ErrorType
from stephost.step_context import StepContext
from stephost.step_result import StepHandlerCallResult, StepHandlerResult

__all__ = ["ErrorType", "StepContext", "StepHandlerCallResult", "StepHandlerResult"]
