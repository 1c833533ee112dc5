"""What JSON documents keep exact, and how values without a JSON form are refused."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from typing import Any

import pytest

from stephost import json_text


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Line:
    sku: str
    count: int


class Model:
    """Looks like a pydantic model."""

    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"mode": mode}


def cycle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "text", ["9223372036854775807", "1234567890123456789012345678901234567890", "1.0", '"Zürich 🚂"']
)
def test_documents_stay_exact(text: str) -> None:
    assert json_text.write(json_text.parse(text)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e16, "10000000000000000.0"),
        (-1.5e17, "-150000000000000000.0"),
        ([1e22, "1e+22"], '[10000000000000000000000.0,"1e+22"]'),
        (1e-7, "1e-07"),
        ("\\u0000 as text", '"\\\\u0000 as text"'),
        ((1, 2), "[1,2]"),
        (Line("a", 2), '{"sku":"a","count":2}'),
        ({"m": Model()}, '{"m":{"mode":"json"}}'),
        (Colour.RED, '"red"'),
        (datetime.date(2026, 1, 2), '"2026-01-02"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (decimal.Decimal("1.10"), '"1.10"'),
        ({7}, "[7]"),
    ],
)
def test_written_forms(value: Any, text: str) -> None:
    assert json_text.write(value) == text
    json.loads(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, float("nan")]}, "`result.a[1]` is NaN"),
        (float("-inf"), "is infinite"),
        ({"a": "x\0"}, "`result.a` holds a NUL character"),
        ({"a\0": 1}, "`result key` holds a NUL character"),
        ("\ud800", "holds a lone surrogate"),
        (cycle(), "contains itself"),
        (nested(201), "nests deeper than 200"),
        ([object()], "`result[0]` is a object"),
        (int, "is a type"),
        ({(1, 2): 3}, "has a key that is a tuple"),
        pytest.param(10**5000, "has too many digits", id="5001 digits"),
    ],
)
def test_refused_values(value: Any, words: str) -> None:
    with pytest.raises(json_text.Unwritable) as refusal:
        json_text.write(value)
    assert words in str(refusal.value)


def test_200_levels_are_allowed() -> None:
    assert json_text.write(nested(200)).startswith("[" * 200)
    assert json_text.write([["[" * 300]] * 300)
