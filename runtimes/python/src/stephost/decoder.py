"""Payloads of the host → checked messages."""

from __future__ import annotations

from typing import Any

import msgpack

from . import execute_message
from .execute_message import INTEGER_MAX
from .messages import FIELDS, Message
from .protocol_violation import ProtocolViolation, bad_message


def decode(payload: bytes) -> Message:
    """The message, with every field of PROTOCOL.md §3.2 well-typed.

    Raises ProtocolViolation: bad_message, unknown_type.
    """
    message = _unpack(payload)
    if not isinstance(message, dict):
        bad_message("The payload is not a map.")
    if execute_message.is_plain(message):
        return message
    _check_plain(message)
    _check(message)
    return message


def read(payload: bytes) -> Any:
    """The one value of a payload, of the kinds that may appear. Raises ProtocolViolation: bad_message."""
    value = _unpack(payload)
    _check_plain(value)
    return value


def _unpack(payload: bytes) -> Any:
    try:
        return msgpack.unpackb(payload, strict_map_key=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        bad_message(f"The payload is not one msgpack value: {error}.")


def _check_plain(value: Any) -> None:
    """Only what the envelope needs may appear, at any depth and in unknown fields too."""
    if value is None or isinstance(value, (bool, str)):
        return
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            bad_message("An integer is beyond ±(2^53-1).")
    elif isinstance(value, list):
        for item in value:
            _check_plain(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                bad_message("A map has a key that is not a string.")
            _check_plain(item)
    else:
        bad_message(f"A value of the kind {type(value).__name__} must not appear.")


def _check(message: Message) -> None:
    kind = message.get("type")
    if not isinstance(kind, str):
        bad_message("The field `type` is missing or not a string.")
    if kind == execute_message.TYPE:
        execute_message.check(message)
        return
    fields = FIELDS.get(kind)
    if fields is None:
        raise ProtocolViolation("unknown_type", f"The type `{kind}` is unknown.")
    for name, wanted in fields.items():
        if not _fits(message.get(name), wanted):
            bad_message(f"The field `{name}` of `{kind}` is missing or ill-typed.")


def _fits(value: Any, wanted: str | tuple[str, ...]) -> bool:
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "string_or_nil":
        return value is None or isinstance(value, str)
    if wanted == "integer":
        return type(value) is int
    if wanted == "count":
        return type(value) is int and value >= 0
    if wanted == "boolean":
        return isinstance(value, bool)
    return value in wanted
