"""The package for authors of Python handlers; decorators are in `stephost.functional`. Nothing here runs a process."""

from .decision_capable import DecisionHandler, DecisionMixin, DecisionPointOutcome, DecisionType
from .errors import (
    AuthenticationError,
    AuthorizationError,
    BusinessLogicError,
    CheckpointNotStored,
    ConfigurationError,
    ErrorType,
    FFIError,
    NetworkError,
    NotFoundError,
    PermanentError,
    RateLimitError,
    ResourceContentionError,
    RetryableError,
    ServiceUnavailableError,
    TaskerError,
    TimeoutError,
    ValidationError,
)
from .step_context import StepContext
from .step_handler import StepHandler
from .step_result import StepHandlerResult
from .version import VERSION

__version__ = VERSION

__all__ = [
    "AuthenticationError",
    "AuthorizationError",
    "BusinessLogicError",
    "CheckpointNotStored",
    "ConfigurationError",
    "DecisionHandler",
    "DecisionMixin",
    "DecisionPointOutcome",
    "DecisionType",
    "ErrorType",
    "FFIError",
    "NetworkError",
    "NotFoundError",
    "PermanentError",
    "RateLimitError",
    "ResourceContentionError",
    "RetryableError",
    "ServiceUnavailableError",
    "StepContext",
    "StepHandler",
    "StepHandlerResult",
    "TaskerError",
    "TimeoutError",
    "ValidationError",
    "__version__",
]
