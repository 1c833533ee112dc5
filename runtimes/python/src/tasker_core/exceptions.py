"""`tasker_core.exceptions`: errors of the worker itself, beside those of handlers. Source: handler-api §1.2."""

from __future__ import annotations


class TaskerError(Exception):
    """The root of this family."""


class WorkerNotInitializedError(TaskerError):
    pass


class WorkerBootstrapError(TaskerError):
    pass


class WorkerAlreadyRunningError(TaskerError):
    pass


class FFIError(TaskerError):
    pass


class ConversionError(TaskerError):
    pass
