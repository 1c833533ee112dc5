"""Frames' payloads ↔ messages: msgpack maps, checked on arrival (PROTOCOL.md §3). No I/O happens here."""

from __future__ import annotations

from typing import Any, NoReturn

import msgpack

from .protocol_violation import ProtocolViolation

INTEGER_MAX = 2**53 - 1
Message = dict[str, Any]

# A field's kind: a word, or the words that are allowed.
REQUEST_FIELDS: dict[str, str | tuple[str, ...]] = {
    "step_uuid": "string",
    "task_uuid": "string",
    "correlation_id": "string",
    "step_name": "string",
    "attempts": "integer",
    "task": "string",
    "workflow_step": "string",
    "dependency_results": "string",
    "step_definition": "string",
}
# What the host sends, field by field.
FIELDS: dict[str, dict[str, str | tuple[str, ...]]] = {
    "execute": {
        "call_id": "string",
        "mode": ("single", "batch"),
        "callable": "string",
        "method": "string_or_nil",
        "resolver": "string_or_nil",
        "deadline_ms": "integer",
        "requests": "array",
    },
    "cancel": {"call_id": "string", "reason": ("timeout", "shutdown", "lease_lost")},
    "ping": {"nonce": "integer"},
    "shutdown": {},
    "error": {"code": "string", "message": "string"},
}


def encode(message: Any) -> bytes:
    """The payload of a message that the caller built from checked parts."""
    payload: bytes = msgpack.packb(message)
    return payload


def decode(payload: bytes) -> Message:
    """The message, with every field of FIELDS well-typed. Raises ProtocolViolation: bad_message, unknown_type."""
    message = read(payload)
    if not isinstance(message, dict):
        _bad("The payload is not a map.")
    kind = message.get("type")
    if not isinstance(kind, str):
        _bad("The field `type` is missing or not a string.")
    fields = FIELDS.get(kind)
    if fields is None:
        raise ProtocolViolation("unknown_type", f"The type `{kind}` is unknown.")
    _check_fields(message, fields, kind)
    if kind == "execute":
        _check_requests(message)
    return message


def read(payload: bytes) -> Any:
    """The one value of a payload, of the kinds that may appear. Raises ProtocolViolation: bad_message."""
    try:
        value = msgpack.unpackb(payload, strict_map_key=False)
        _check_plain(value)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        _bad(f"The payload is not one msgpack value: {error}.")
    return value


def _check_plain(value: Any) -> None:
    """Only what the envelope needs may appear, at any depth and in unknown fields too."""
    if value is None or isinstance(value, (bool, str)):
        return
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            _bad("An integer is beyond ±(2^53-1).")
    elif isinstance(value, list):
        for item in value:
            _check_plain(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                _bad("A map has a key that is not a string.")
            _check_plain(item)
    else:
        _bad(f"A value of the kind {type(value).__name__} must not appear.")


def _check_fields(fields_of: Message, fields: dict[str, str | tuple[str, ...]], owner: str) -> None:
    for name, kind in fields.items():
        if not _fits(fields_of.get(name), kind):
            _bad(f"The field `{name}` of `{owner}` is missing or ill-typed.")


def _fits(value: Any, kind: str | tuple[str, ...]) -> bool:
    if kind == "string":
        return isinstance(value, str)
    if kind == "string_or_nil":
        return value is None or isinstance(value, str)
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "array":
        return isinstance(value, list)
    return value in kind


def _check_requests(message: Message) -> None:
    requests = message["requests"]
    if not requests:
        _bad("`requests` is empty.")
    if message["mode"] == "single" and len(requests) != 1:
        _bad("`single` takes one request.")
    for request in requests:
        if not isinstance(request, dict):
            _bad("A request is not a map.")
        _check_fields(request, REQUEST_FIELDS, "requests")


def _bad(message: str) -> NoReturn:
    raise ProtocolViolation("bad_message", message)
