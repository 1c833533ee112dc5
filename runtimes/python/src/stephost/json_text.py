"""JSON documents ↔ Python values: numbers stay exact, and what jsonb cannot hold is refused with the place."""

import json
import re
from typing import Any

from .json_offence import DEPTH_MAX, data_form, offence

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_STRINGS = re.compile(_STRING)
_BRACKETS = re.compile(r"[\[\]{}]")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_STRING_OR_LARGE_FLOAT = re.compile(_STRING + r"|-?\d+(?:\.\d+)?e\+\d+")

_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=data_form)


class Unwritable(Exception):
    """A value that has no JSON form; the message names the place, the reason and the cure."""


def parse(text: str) -> Any:
    """The value of a document; raises ValueError."""
    return json.loads(text)


def write(value: Any, root: str = "result") -> str:
    """The text of one JSON value; `root` is what the value is called in messages. Raises Unwritable.

    The C encoder writes it in one go. Only when the text cannot be right is the value searched for the offender.
    """
    # Most metadata is empty.
    if value == {} and type(value) is dict:
        return "{}"
    try:
        text = _ENCODER.encode(value)
        text.encode()
    except Exception as error:
        raise Unwritable(offence(value, root) or f"`{root}` cannot be written as JSON: {error}.") from None
    if _too_deep(text) or ("\\u0000" in text and _NUL.search(text)):
        raise Unwritable(offence(value, root) or f"`{root}` holds what jsonb cannot store.")
    return _STRING_OR_LARGE_FLOAT.sub(_positional, text) if "e+" in text else text


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH_MAX:
            return True
    return False


def _positional(match: re.Match[str]) -> str:
    """jsonb makes an integer of `1e+16`, so large floats are written with all digits and `.0`."""
    text = match.group()
    if text.startswith('"'):
        return text
    mantissa, exponent = text.split("e+")
    whole, _, fraction = mantissa.partition(".")
    return f"{whole}{fraction.ljust(int(exponent), '0')}.0"
