"""Log lines with fields, under the names that handlers written for Tasker use. Source: handler-api §1.2."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class LogContext:
    """Beside the text of a line; what is None is left out."""

    correlation_id: str | None = None
    task_uuid: str | None = None
    step_uuid: str | None = None
    namespace: str | None = None
    operation: str | None = None


Fields = LogContext | dict[str, Any] | None


def log_error(message: str, context: Fields = None) -> None:
    _log("error", message, context)


def log_warn(message: str, context: Fields = None) -> None:
    _log("warning", message, context)


def log_info(message: str, context: Fields = None) -> None:
    _log("info", message, context)


def log_debug(message: str, context: Fields = None) -> None:
    _log("debug", message, context)


def log_trace(message: str, context: Fields = None) -> None:
    """The host knows no level below `debug`."""
    _log("debug", message, context)


def _log(level: str, message: str, context: Fields) -> None:
    from . import step_logger

    given = asdict(context) if isinstance(context, LogContext) else context or {}
    fields = {name: value for name, value in given.items() if value is not None}
    getattr(step_logger.logger(), level)(message, extra=fields)
