"""Mistakes in the use of this package: no retry mends them, so they fail the step for good and say where."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from .errors import PermanentError

if TYPE_CHECKING:
    from .handler import Handler
    from .step_result import StepHandlerResult

CODE = "HANDLER_MISTAKE"
LIBRARY = os.path.dirname(os.path.abspath(__file__)) + os.sep
# What Python says when arguments do not fit: "StepHandler.failure() missing 1 required positional argument: 'message'".
ARGUMENTS = re.compile(r"^(?P<function>[\w.<>]+)\(\) (missing|got|takes)\b")


class HandlerMistake(PermanentError):
    """The message says what is wrong and what to do; the runtime adds handler and file."""

    def __init__(self, message: str, error_code: str = CODE) -> None:
        super().__init__(message, error_code=error_code)


def explain(outcome: StepHandlerResult, error: BaseException, handler: Handler) -> StepHandlerResult:
    """The outcome of a raised error, with handler and file where the error is a mistake in the use of this package."""
    if isinstance(error, TypeError) and _misuses_us(error):
        outcome.retryable = False
        outcome.error_type = PermanentError.error_type
        outcome.error_code = CODE
    elif not (isinstance(error, PermanentError) and _raised_here(error)):
        return outcome
    outcome.error_message = f"Handler `{handler.callable}` ({handler.file}): {error}"
    return outcome


def _raised_here(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(LIBRARY)


def _misuses_us(error: TypeError) -> bool:
    """Arguments that one of our functions does not take or cannot use, or a call of the author's function by us."""
    if _raised_here(error):
        return True
    match = ARGUMENTS.match(str(error))
    return match is not None and match["function"].split(".")[0] in _our_names()


def _our_names() -> set[str]:
    from . import __all__

    return {*__all__, "Decision", "BatchConfig"}
