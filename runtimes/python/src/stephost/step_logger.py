"""`logging` inside the runtime: records carry level, fields and step to the host."""

from __future__ import annotations

import logging
from typing import Any

from . import json_text, step_run
from .log_sink import LogSink

# What every record has; the rest is what the author gave as `extra`.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
NAME = "stephost.handler"


class LogHandler(logging.Handler):
    """The root logger's handler: whole lines, so that a traceback is readable beside other steps."""

    def emit(self, record: logging.LogRecord) -> None:
        sink = LogSink.current
        if sink is None:
            return
        try:
            run = step_run.current()
            fields = _fields_text(record)
            for line in self.format(record).split("\n"):
                sink.write(None if run is None else run.step_uuid, "log", _word(record.levelno), line, fields)
        except Exception:
            self.handleError(record)


def capture_logging() -> None:
    """Records of every logger go to the host; a program that configures `logging` itself keeps its own handlers too."""
    root = logging.getLogger()
    if not any(isinstance(handler, LogHandler) for handler in root.handlers):
        root.addHandler(LogHandler())
        root.setLevel(logging.INFO)


def logger() -> logging.Logger:
    """The logger of handlers: `logger.info("reserved", extra={"sku": "a1"})`."""
    if LogSink.current is not None:
        capture_logging()
    return logging.getLogger(NAME)


def _word(level: int) -> str:
    if level >= logging.ERROR:
        return "error"
    if level >= logging.WARNING:
        return "warn"
    return "info" if level >= logging.INFO else "debug"


def _fields_text(record: logging.LogRecord) -> str | None:
    """A record matters more than what hangs on it: a value without a JSON form is shown as Python shows it."""
    fields: dict[str, Any] = {name: value for name, value in vars(record).items() if name not in STANDARD}
    if not fields:
        return None
    try:
        return json_text.write(fields, "fields")
    except json_text.Unwritable:
        return json_text.write({name: repr(value).replace("\0", "") for name, value in fields.items()}, "fields")
