"""What a handler returns: a success or a failure, made by the author or from whatever `call` gave back."""

from __future__ import annotations

from typing import Any

from .errors import ErrorType, TaskerError, is_retryable


class StepHandlerResult:
    """Source of names: handler-api §1.2. `retry_after` (s), `backtrace` and `context` come from a raised error."""

    is_success: bool
    result: Any
    error_message: str | None
    error_type: str | None
    error_code: str | None
    retryable: bool
    metadata: dict[str, Any]

    def __init__(
        self,
        is_success: bool = True,
        result: Any = None,
        *,
        success: bool | None = None,
        error_message: str | None = None,
        error_type: str | None = None,
        error_code: str | None = None,
        retryable: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        # Handlers written for Tasker say it by either name.
        self.is_success = is_success if success is None else success
        self.result = result
        self.error_message = error_message
        self.error_type = error_type
        self.error_code = error_code
        self.retryable = retryable
        self.metadata = metadata or {}
        self.retry_after: float | None = None
        self.backtrace: list[str] = []
        self.context: dict[str, Any] = {}

    @classmethod
    def success(cls, result: Any = None, metadata: dict[str, Any] | None = None) -> StepHandlerResult:
        return cls(True, {} if result is None else result, metadata=metadata)

    @classmethod
    def checkpoint_yield(cls, cursor: Any, items_processed: int, accumulated_results: Any = None) -> StepHandlerResult:
        """Not the end of the step: the host stores it, and the step runs on from it in the same attempt."""
        result = {"type": "checkpoint_yield", "cursor": cursor, "items_processed": items_processed}
        if accumulated_results is not None:
            result["accumulated_results"] = accumulated_results
        return cls.success(result, {"checkpoint_yield": True})

    @classmethod
    def failure(
        cls,
        message: str,
        error_type: str = ErrorType.HANDLER_ERROR,
        retryable: bool = True,
        metadata: dict[str, Any] | None = None,
        error_code: str | None = None,
    ) -> StepHandlerResult:
        word = error_type.value if isinstance(error_type, ErrorType) else error_type
        return cls(
            False,
            error_message=message,
            error_type=word,
            error_code=error_code,
            retryable=retryable,
            metadata=metadata,
        )

    @classmethod
    def from_handler_output(cls, output: Any) -> StepHandlerResult:
        """A result is kept; a dict or a model is the result; None means {}; anything else becomes {"result": value}."""
        if isinstance(output, StepHandlerResult):
            return output
        if isinstance(output, StepHandlerCallResult):
            return output.to_result()
        if output is None or isinstance(output, dict):
            return cls.success(output)
        if hasattr(output, "model_dump"):
            return cls.success(output.model_dump(mode="json"))
        if hasattr(output, "__dataclass_fields__"):
            return cls.success(output)
        return cls.success({"result": output})

    @classmethod
    def from_exception(cls, error: BaseException) -> StepHandlerResult:
        known = error if isinstance(error, TaskerError) else None
        result = cls.failure(
            str(error) or type(error).__name__,
            error_type=known.error_type if known else ErrorType.HANDLER_ERROR,
            retryable=is_retryable(error),
            metadata=known.metadata if known else None,
            error_code=known.error_code if known else None,
        )
        result.retry_after = known.retry_after if known else None
        result.backtrace = _backtrace(error)
        # The class tells more than `handler_error` does.
        result.context = {"exception_class": type(error).__qualname__, **(known.context if known else {})}
        return result

    def is_success_result(self) -> bool:
        return self.is_success

    def is_failure_result(self) -> bool:
        return not self.is_success


class StepHandlerCallResult:
    """The model from before StepHandlerResult, for files that still return it. Source of the name: handler-api §1.2."""

    def __init__(
        self,
        success: bool = True,
        result: Any = None,
        error_message: str | None = None,
        error_type: str | None = None,
        retryable: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.success = success
        self.result = result
        self.error_message = error_message
        self.error_type = error_type
        self.retryable = retryable
        self.metadata = metadata or {}

    def to_result(self) -> StepHandlerResult:
        """What the step stores of it."""
        if self.success:
            return StepHandlerResult.success(self.result, self.metadata)
        message = self.error_message or "The handler reported a failure."
        word = self.error_type or ErrorType.HANDLER_ERROR.value
        return StepHandlerResult.failure(message, word, self.retryable, self.metadata)


def _backtrace(error: BaseException) -> list[str]:
    """`file:line in function` per frame, the innermost first."""
    lines = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return lines[::-1]
