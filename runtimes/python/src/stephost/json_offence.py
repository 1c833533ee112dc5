"""Why a value has no JSON form: the first offender with its place, and the data form of objects that have one."""

from __future__ import annotations

import math
from typing import Any

DEPTH_MAX = 200
PLACE_CHARS_MAX = 200
# Python refuses to write longer integers in decimal; 4300 digits are 14 284 bits.
INTEGER_BITS_MAX = 14_284


def data_form(value: Any) -> Any:
    """Objects as data: models, dataclasses, enums, times, UUIDs, decimals, sets. Raises TypeError for others.

    Types are known by what they offer, so that nothing has to be imported for handlers that do not use them.
    """
    if isinstance(value, type):
        raise TypeError("a class")
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return list(value)
    module, name = type(value).__module__, type(value).__name__
    if (module, name) in {("uuid", "UUID"), ("decimal", "Decimal")}:
        return str(value)
    if hasattr(type(value), "__members__"):
        return value.value
    raise TypeError(f"a {name}")


def offence(value: Any, place: str, depth: int = 0) -> str | None:
    """One sentence on the first part of `value` that JSON or jsonb cannot hold; None when there is none."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_offence(value, place)
    if isinstance(value, float):
        if math.isfinite(value):
            return None
        return _sentence(place, "is NaN" if math.isnan(value) else "is infinite", "return a finite number or None")
    if isinstance(value, int):
        return (
            None
            if value.bit_length() < INTEGER_BITS_MAX
            else _sentence(place, "has too many digits", "return a string")
        )
    return _container_offence(value, place, depth + 1)


def _container_offence(value: Any, place: str, depth: int) -> str | None:
    if depth > DEPTH_MAX:
        return _sentence(place, f"nests deeper than {DEPTH_MAX} or contains itself", "return a flatter structure")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, (str, int, float, bool, type(None))):
                return _sentence(place, f"has a key that is a {type(key).__name__}", "use strings as keys")
            found = offence(key, f"{place} key") or offence(item, f"{place}.{key}", depth)
            if found:
                return found
        return None
    if isinstance(value, (list, tuple)):
        return next((found for i, item in enumerate(value) if (found := offence(item, f"{place}[{i}]", depth))), None)
    try:
        return offence(data_form(value), place, depth)
    except Exception:
        kind = f"is a {type(value).__name__}, which has no JSON form"
        return _sentence(place, kind, "return dicts, lists, strings, numbers, booleans or None")


def _text_offence(text: str, place: str) -> str | None:
    if "\0" in text:
        return _sentence(place, "holds a NUL character, which jsonb cannot store", "remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        return _sentence(place, "holds a lone surrogate, which is not valid UTF-8", "decode the text properly")
    return None


def _sentence(place: str, problem: str, cure: str) -> str:
    short = place if len(place) <= PLACE_CHARS_MAX else f"{place[:PLACE_CHARS_MAX]}…"
    return f"`{short}` {problem}; {cure}."
