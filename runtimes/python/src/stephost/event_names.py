"""Names of publishers and subscribers that declare none, and which events a pattern means."""

from __future__ import annotations

import re


def snake_case(class_name: str) -> str:
    """ "FirstReceipt" → "first_receipt"."""
    return re.sub(r"([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", class_name).lower()


def matches(pattern: str, event_name: str) -> bool:
    """`*` stands for any text."""
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(".*".join(parts), event_name) is not None
