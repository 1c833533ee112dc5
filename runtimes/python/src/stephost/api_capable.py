"""Calls of HTTP services. Source of names: handler-api §1.2; uploads and pages are named as in Ruby."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ErrorType
from .http_client import HttpClient
from .step_handler import StepHandler
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .http_response import ApiResponse
    from .step_context import StepContext

Headers = dict[str, str]


class APIMixin:
    """`class Convert(StepHandler, APIMixin)` with `base_url`, or with `url` in the step's `initialization`.

    No status raises: `api_failure(response)` makes the failure of it. No answer at all raises NetworkError or
    TimeoutError, which are worth another try.
    """

    _capability = "api"

    base_url: str = ""
    default_timeout: float = 30.0
    default_headers: Headers = {}  # noqa: RUF012

    @property
    def client(self) -> HttpClient:
        """One for each instance, and so for each step."""
        client: HttpClient | None = self.__dict__.get("_client")
        if client is None:
            context: StepContext | None = getattr(self, "_stephost_context", None)
            base_url = self.base_url or str((context.get_config("url") if context else None) or "")
            client = self.__dict__["_client"] = HttpClient(base_url, self.default_timeout, self.default_headers)
        return client

    def close(self) -> None:
        self.client.close()

    def get(
        self, path: str, params: dict[str, Any] | None = None, headers: Headers | None = None, **kwargs: Any
    ) -> ApiResponse:
        return self.request("GET", path, params=params, headers=headers, **kwargs)

    def post(
        self, path: str, json: Any = None, data: Any = None, headers: Headers | None = None, **kwargs: Any
    ) -> ApiResponse:
        return self.request("POST", path, json=json, data=data, headers=headers, **kwargs)

    def put(
        self, path: str, json: Any = None, data: Any = None, headers: Headers | None = None, **kwargs: Any
    ) -> ApiResponse:
        return self.request("PUT", path, json=json, data=data, headers=headers, **kwargs)

    def patch(
        self, path: str, json: Any = None, data: Any = None, headers: Headers | None = None, **kwargs: Any
    ) -> ApiResponse:
        return self.request("PATCH", path, json=json, data=data, headers=headers, **kwargs)

    def delete(self, path: str, headers: Headers | None = None, **kwargs: Any) -> ApiResponse:
        return self.request("DELETE", path, headers=headers, **kwargs)

    def request(self, method: str, path: str, **kwargs: Any) -> ApiResponse:
        """`params`, `json`, `data`, `headers`, `timeout` (seconds)."""
        return self.client.request(method, path, **kwargs)

    def api_upload_file(
        self, path: str, file_path: str, field_name: str = "file", additional_fields: dict[str, Any] | None = None
    ) -> ApiResponse:
        """As a multipart form."""
        return self.client.upload(path, file_path, field_name, additional_fields)

    def api_paginated_request(
        self,
        path: str,
        method: str = "GET",
        pagination_key: str = "cursor",
        limit_key: str = "limit",
        max_pages: int = 100,
        limit: int | None = None,
    ) -> Iterator[ApiResponse]:
        """Page after page, while the answer is a success and names the next one (`next_cursor`)."""
        params: dict[str, Any] = {} if limit is None else {limit_key: limit}
        for _ in range(max_pages):
            response = self.request(method, path, params=params)
            yield response
            cursor = _next_cursor(response, pagination_key)
            if cursor is None:
                return
            params = {**params, pagination_key: cursor}

    def api_success(
        self, response: ApiResponse, result: Any = None, include_response: bool = True
    ) -> StepHandlerResult:
        """`result` is the step's result, by default the body; status and headers go to the metadata."""
        about = {"status_code": response.status_code, "headers": response.headers} if include_response else None
        return StepHandlerResult.success(response.body if result is None else result, about)

    def api_failure(self, response: ApiResponse, message: str | None = None) -> StepHandlerResult:
        """Retryable by its status, after `Retry-After` where the service says so."""
        word = ErrorType.RETRYABLE_ERROR if response.is_retryable else ErrorType.PERMANENT_ERROR
        text = message or f"The service answered {response.status_code}: {response.excerpt()}"
        about = {"status_code": response.status_code}
        code = f"HTTP_{response.status_code}"
        result = StepHandlerResult.failure(text, word, response.is_retryable, about, code)
        result.retry_after = response.retry_after
        return result

    def connection_error(self, error: BaseException, context: str | None = None) -> StepHandlerResult:
        """`context` says what was asked."""
        return StepHandlerResult.failure(_text("No connection", error, context), "connection_error", retryable=True)

    def timeout_error(self, error: BaseException, context: str | None = None) -> StepHandlerResult:
        return StepHandlerResult.failure(_text("No answer in time", error, context), ErrorType.TIMEOUT, retryable=True)


class ApiHandler(APIMixin, StepHandler):
    """The class from before mixins."""


def _text(what: str, error: BaseException, context: str | None) -> str:
    return f"{what}{f' ({context})' if context else ''}: {error}"


def _next_cursor(response: ApiResponse, pagination_key: str) -> Any:
    if not response.ok or not isinstance(response.body, dict):
        return None
    for place in (response.body, response.body.get("pagination"), response.body.get("meta")):
        if isinstance(place, dict):
            cursor = place.get(f"next_{pagination_key}") or place.get("next_cursor")
            if cursor is not None:
                return cursor
    return None
