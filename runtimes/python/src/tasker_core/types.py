"""`tasker_core.types`: the context and the result of handlers."""

from stephost.errors import ErrorType
from stephost.step_context import StepContext
from stephost.step_result import StepHandlerResult

__all__ = ["ErrorType", "StepContext", "StepHandlerResult"]
