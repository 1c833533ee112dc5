"""Every public name of handler-api §1.2 is here, with the signature that api.json writes down."""

import json
from pathlib import Path

import pytest

from public_names import signature

ENTRIES = json.loads((Path(__file__).parent.parent / "api.json").read_text())


def test_are_many() -> None:
    assert len(ENTRIES) > 230


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["name"] for entry in ENTRIES])
def test_signature(entry: dict[str, str]) -> None:
    assert signature(entry["name"]) == entry["signature"]
