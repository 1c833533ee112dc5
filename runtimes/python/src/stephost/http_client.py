"""An HTTP client for handlers on Python's own urllib: one base address, JSON in and out, limits on every wait."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any
from urllib import error as urllib_error
from urllib import parse
from urllib import request as urllib_request

from .errors import ConfigurationError, NetworkError, TimeoutError
from .http_response import ApiResponse

JSON_TYPE = "application/json"
Headers = dict[str, str]


class HttpClient:
    """`timeout` is in seconds. Every method gives an ApiResponse, whatever its status.

    Raises TimeoutError or NetworkError when there was no answer, ConfigurationError when there is no address to ask.
    """

    def __init__(self, base_url: str = "", timeout: float = 30.0, headers: Headers | None = None) -> None:
        self.base_url = base_url
        self.timeout = timeout
        self.headers = {"Accept": JSON_TYPE, **(headers or {})}

    def get(self, path: str, params: dict[str, Any] | None = None, headers: Headers | None = None) -> ApiResponse:
        return self.request("GET", path, params=params, headers=headers)

    def delete(self, path: str, params: dict[str, Any] | None = None, headers: Headers | None = None) -> ApiResponse:
        return self.request("DELETE", path, params=params, headers=headers)

    def post(self, path: str, json: Any = None, data: Any = None, headers: Headers | None = None) -> ApiResponse:
        return self.request("POST", path, json=json, data=data, headers=headers)

    def put(self, path: str, json: Any = None, data: Any = None, headers: Headers | None = None) -> ApiResponse:
        return self.request("PUT", path, json=json, data=data, headers=headers)

    def patch(self, path: str, json: Any = None, data: Any = None, headers: Headers | None = None) -> ApiResponse:
        return self.request("PATCH", path, json=json, data=data, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        headers: Headers | None = None,
        timeout: float | None = None,
    ) -> ApiResponse:
        """`json` is sent as JSON; `data` as it is when it is text or bytes, as a form when it is a dict."""
        body, content_type = _body(json, data)
        about = {**({"Content-Type": content_type} if content_type else {}), **self.headers, **(headers or {})}
        address = self._address(path, params)
        return self._exchange(
            urllib_request.Request(address, body, about, method=method.upper()), timeout or self.timeout
        )

    def upload(
        self, path: str, file_path: str, field_name: str = "file", fields: dict[str, Any] | None = None
    ) -> ApiResponse:
        """As a multipart form; `fields` are further ones."""
        boundary = uuid.uuid4().hex
        with open(file_path, "rb") as file:
            content = file.read()
        body = _form(boundary, fields or {}, field_name, os.path.basename(file_path), content)
        content_type = f"multipart/form-data; boundary={boundary}"
        return self.request("POST", path, data=body, headers={"Content-Type": content_type})

    def close(self) -> None:
        """Nothing is kept open."""

    def _address(self, path: str, params: dict[str, Any] | None) -> str:
        absolute = path.startswith(("http://", "https://"))
        if not absolute and not self.base_url:
            raise ConfigurationError(f"There is no address for {path!r}: set `base_url` of the handler.")
        address = path if absolute else f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"
        query = parse.urlencode(params, doseq=True) if params else ""
        return address + (("&" if "?" in address else "?") + query if query else "")

    def _exchange(self, asked: urllib_request.Request, timeout: float) -> ApiResponse:
        place = f"{asked.method} {asked.full_url}"
        try:
            with urllib_request.urlopen(asked, timeout=timeout) as answer:
                return _response(answer)
        except urllib_error.HTTPError as refused:
            with refused:
                return _response(refused)
        except OSError as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, OSError) and type(reason).__name__ in ("timeout", "TimeoutError"):
                raise TimeoutError(f"{place} got no answer in {timeout} s") from error
            raise NetworkError(f"{place} failed: {reason}") from error
        except ValueError as error:
            raise ConfigurationError(f"The address is not valid: {error}") from error


def _response(answer: Any) -> ApiResponse:
    text = answer.read().decode("utf-8", "replace")
    return ApiResponse(answer.status, dict(answer.headers.items()), text)


def _body(document: Any, data: Any) -> tuple[bytes | None, str | None]:
    if document is not None:
        return json.dumps(document).encode(), JSON_TYPE
    if data is None:
        return None, None
    if isinstance(data, bytes):
        return data, None
    if isinstance(data, str):
        return data.encode(), None
    return parse.urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"


def _form(boundary: str, fields: dict[str, Any], field_name: str, file_name: str, content: bytes) -> bytes:
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    about = f'Content-Disposition: form-data; name="{field_name}"; filename="{file_name}"'
    lines.append(f"--{boundary}\r\n{about}\r\nContent-Type: application/octet-stream\r\n\r\n")
    return "".join(lines).encode() + content + f"\r\n--{boundary}--\r\n".encode()
