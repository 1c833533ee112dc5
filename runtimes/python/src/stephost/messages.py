"""What the host sends, field by field, and payloads of what the guest sends (PROTOCOL.md §3). No I/O happens here."""

from __future__ import annotations

from typing import Any

import msgpack

Message = dict[str, Any]

# A field's kind: a word, or the words that are allowed.
FIELDS: dict[str, dict[str, str | tuple[str, ...]]] = {
    "cancel": {"call_id": "string", "reason": ("timeout", "shutdown", "lease_lost"), "grace_ms": "count"},
    "checkpointed": {
        "call_id": "string",
        "checkpoint_id": "integer",
        "stored": "boolean",
        "message": "string_or_nil",
    },
    "ping": {"nonce": "integer"},
    "reload": {},
    "shutdown": {},
    "error": {"code": "string", "message": "string"},
}


def encode(message: Any) -> bytes:
    """The payload of a message that the caller built from checked parts."""
    payload: bytes = msgpack.packb(message)
    return payload
