"""The shape of `execute` (PROTOCOL.md §3.2): the one message that comes once for every call, so its checks are fast."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .protocol_violation import bad_message

if TYPE_CHECKING:
    from .messages import Message

TYPE = "execute"
MODES = ("single", "batch")
# For publishers and subscribers: rare, so they take the closer look.
EVENT_MODES = ("publish", "published", "deliver")
INTEGER_MAX = 2**53 - 1
FIELDS = ("type", "mode", "requests", "deadline_ms", "call_id", "callable", "method", "resolver", "traceparent")
OPTIONAL_TEXTS = ("method", "resolver", "traceparent")
REQUEST_TEXTS = (
    "step_uuid",
    "task_uuid",
    "correlation_id",
    "step_name",
    "task",
    "workflow_step",
    "dependency_results",
    "step_definition",
)
REQUEST_SIZE = len(REQUEST_TEXTS) + 1

_fields_of = itemgetter(*FIELDS)
_request_texts_of = itemgetter(*REQUEST_TEXTS)
_TEXT_KINDS = {str}
_OPTIONAL_KINDS = {str, type(None)}


def is_plain(message: Message) -> bool:
    """One look at each field of a message as every host of this version sends it: all fields, and none that is unknown.

    False: it is another message, or one that needs a closer look.
    """
    if len(message) != len(FIELDS):
        return False
    try:
        kind, mode, requests, deadline_ms, call_id, callable_name, *optional = _fields_of(message)
    except KeyError:
        return False
    return (
        kind == TYPE
        and mode in MODES
        and type(call_id) is str
        and type(callable_name) is str
        and _is_integer(deadline_ms)
        and {type(value) for value in optional} <= _OPTIONAL_KINDS
        and type(requests) is list
        and _is_counted(mode, requests)
        and all(_is_plain_request(request) for request in requests)
    )


def check(message: Message) -> None:
    """Raises ProtocolViolation: bad_message, with the field."""
    for name in ("call_id", "callable"):
        _require(name, isinstance(message.get(name), str))
    for name in OPTIONAL_TEXTS:
        _require(name, message.get(name) is None or isinstance(message.get(name), str))
    mode, requests = message.get("mode"), message.get("requests")
    _require("mode", mode in MODES or mode in EVENT_MODES)
    event = message.get("event")
    _require("event", isinstance(event, str) or (event is None and mode in MODES))
    _require("deadline_ms", _is_integer(message.get("deadline_ms")))
    if not isinstance(requests, list):
        bad_message("The field `requests` of `execute` is missing or ill-typed.")
    if not _is_counted(mode, requests):
        bad_message(f"`{mode}` has {len(requests)} requests.")
    for request in requests:
        if not isinstance(request, dict):
            bad_message("A request is not a map.")
        for name in REQUEST_TEXTS:
            _require(name, isinstance(request.get(name), str))
        _require("attempts", _is_integer(request.get("attempts")))


def _is_counted(mode: Any, requests: list[Any]) -> bool:
    return len(requests) == 1 or (mode == "batch" and bool(requests))


def _is_plain_request(request: Any) -> bool:
    if type(request) is not dict or len(request) != REQUEST_SIZE:
        return False
    try:
        return {type(text) for text in _request_texts_of(request)} == _TEXT_KINDS and _is_integer(request["attempts"])
    except KeyError:
        return False


def _is_integer(value: Any) -> bool:
    return type(value) is int and -INTEGER_MAX <= value <= INTEGER_MAX


def _require(name: str, holds: bool) -> None:
    if not holds:
        bad_message(f"The field `{name}` of `execute` is missing or ill-typed.")
