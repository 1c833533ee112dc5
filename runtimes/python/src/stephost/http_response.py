"""What an HTTP service answered. Source of names: handler-api §1.2."""

from __future__ import annotations

import json
import time
from typing import Any

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})
EXCERPT_CHARS = 500


class ApiResponse:
    """`body` is parsed where it is JSON, else text; `headers` have lower-case names."""

    status_code: int
    headers: dict[str, str]
    body: Any

    def __init__(self, status_code: int, headers: dict[str, str], text: str) -> None:
        self.status_code = status_code
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.text = text
        self.body = self._parsed()

    @property
    def ok(self) -> bool:
        return 200 <= self.status_code < 300

    @property
    def is_client_error(self) -> bool:
        return 400 <= self.status_code < 500

    @property
    def is_server_error(self) -> bool:
        return self.status_code >= 500

    @property
    def is_retryable(self) -> bool:
        """A later try may meet another answer."""
        return self.status_code in RETRYABLE

    @property
    def retry_after(self) -> float | None:
        """Seconds of `Retry-After`, which is a number or a date."""
        text = self.headers.get("retry-after")
        if text is None:
            return None
        try:
            return max(float(text), 0.0)
        except ValueError:
            return _seconds_until(text)

    def json(self) -> Any:
        return json.loads(self.text)

    def excerpt(self) -> str:
        """The beginning of the body, for messages."""
        return self.text[:EXCERPT_CHARS]

    def to_dict(self) -> dict[str, Any]:
        return {"status_code": self.status_code, "headers": self.headers, "body": self.body}

    def _parsed(self) -> Any:
        if "json" not in self.headers.get("content-type", "") or not self.text:
            return self.text
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


def _seconds_until(date: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return max(parsedate_to_datetime(date).timestamp() - time.time(), 0.0)
    except ValueError:
        return None
