"""The errors that handlers raise, and which of them make a retry pointless. Source: handler-api §1.2."""

from __future__ import annotations

from enum import Enum
from typing import Any


class ErrorType(str, Enum):
    """The five standard words for the type of a failure."""

    PERMANENT_ERROR = "permanent_error"
    RETRYABLE_ERROR = "retryable_error"
    VALIDATION_ERROR = "validation_error"
    TIMEOUT = "timeout"
    HANDLER_ERROR = "handler_error"

    @classmethod
    def is_standard(cls, error_type: str) -> bool:
        return error_type in {member.value for member in cls}

    @classmethod
    def is_typically_retryable(cls, error_type: str) -> bool:
        return error_type in {cls.RETRYABLE_ERROR.value, cls.TIMEOUT.value}


class TaskerError(Exception):
    """The root of the family. `retryable` overrides the family's rule; `retry_after` is the wished wait in seconds."""

    error_type: str = ErrorType.HANDLER_ERROR.value
    default_retryable: bool = True

    def __init__(
        self,
        message: str = "",
        *,
        retryable: bool | None = None,
        metadata: dict[str, Any] | None = None,
        error_code: str | None = None,
        retry_after: float | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = self.default_retryable if retryable is None else retryable
        self.metadata = metadata or {}
        self.error_code = error_code
        self.retry_after = retry_after
        self.context = context or {}

    def to_dict(self) -> dict[str, Any]:
        return {
            "message": self.message,
            "error_type": self.error_type,
            "error_code": self.error_code,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
            "metadata": self.metadata,
            "context": self.context,
        }


class RetryableError(TaskerError):
    """A later run may succeed."""

    error_type = ErrorType.RETRYABLE_ERROR.value


class TimeoutError(RetryableError):  # noqa: A001
    error_type = ErrorType.TIMEOUT.value


class NetworkError(RetryableError):
    pass


class RateLimitError(RetryableError):
    pass


class ServiceUnavailableError(RetryableError):
    pass


class ResourceContentionError(RetryableError):
    pass


class PermanentError(TaskerError):
    """No run will succeed."""

    error_type = ErrorType.PERMANENT_ERROR.value
    default_retryable = False


class ValidationError(PermanentError):
    error_type = ErrorType.VALIDATION_ERROR.value


class NotFoundError(PermanentError):
    pass


class AuthenticationError(PermanentError):
    pass


class AuthorizationError(PermanentError):
    pass


class ConfigurationError(PermanentError):
    pass


class BusinessLogicError(PermanentError):
    pass


class FFIError(TaskerError):
    pass


class CheckpointNotStored(TaskerError):
    """The host could not keep a checkpoint: the step lost its claim, or it cannot be stored. Not one of Tasker's."""


def is_retryable(error: BaseException) -> bool:
    """Unknown errors are retryable: the next run may meet another world."""
    return error.retryable if isinstance(error, TaskerError) else True


def is_permanent(error: BaseException) -> bool:
    return not is_retryable(error)
