"""Says whether an error is worth another try. Source of names: handler-api §1.2."""

from __future__ import annotations

from .errors import is_permanent, is_retryable


class ErrorClassifier:
    def is_retryable(self, error: BaseException) -> bool:
        return is_retryable(error)

    def is_permanent(self, error: BaseException) -> bool:
        return is_permanent(error)

    def classify(self, error: BaseException) -> str:
        """ "retryable" or "permanent"."""
        return "retryable" if is_retryable(error) else "permanent"


_classifier = ErrorClassifier()


def get_classifier() -> ErrorClassifier:
    return _classifier
