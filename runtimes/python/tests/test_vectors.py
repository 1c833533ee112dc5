"""The shared vectors of the wire, run against frames and messages."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from stephost import decoder, frames, messages
from stephost.protocol_violation import ProtocolViolation
from support import vector_bytes, vector_value, vectors


def named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors(name), ids=lambda vector: vector["name"])


def read_frames(pieces: list[bytes], frame_bytes_max: int) -> tuple[list[bytes], str | None]:
    reader = frames.FrameReader(frame_bytes_max)
    payloads: list[bytes] = []
    try:
        for piece in pieces:
            for payload in reader.feed(piece):
                payloads.append(payload)
    except ProtocolViolation as violation:
        return payloads, violation.code
    return payloads, None


def cuts(stream: bytes) -> list[list[bytes]]:
    if len(stream) > 1000:
        return [[stream]]
    bytewise = [bytes([byte]) for byte in stream]
    return [[stream], bytewise, *([stream[:at], stream[at:]] for at in range(1, len(stream)))]


@named("frames")
def test_frames(vector: dict[str, Any]) -> None:
    stream = vector_bytes(vector["bytes"])
    expected = [vector_bytes(parts) for parts in vector["payloads"]]
    for pieces in cuts(stream):
        assert read_frames(pieces, vector["frame_bytes_max"]) == (expected, vector["error"])
    if vector["error"] is None and vector["incomplete"] is False:
        assert b"".join(frames.encode(payload) for payload in expected) == stream


@named("values")
def test_values(vector: dict[str, Any]) -> None:
    payloads = [vector_bytes([hexadecimal]) for hexadecimal in vector["encodings"]]
    if "error" in vector:
        for payload in payloads:
            with pytest.raises(ProtocolViolation) as violation:
                decoder.read(payload)
            assert violation.value.code == vector["error"]
        return
    value = vector_value(vector["value"])
    assert [decoder.read(payload) for payload in payloads] == [value] * len(payloads)
    assert messages.encode(value) in payloads


@pytest.mark.parametrize(
    "vector", [vector for vector in vectors("messages") if vector["from"] == "host"], ids=lambda vector: vector["name"]
)
def test_messages(vector: dict[str, Any]) -> None:
    code = None
    try:
        decoder.decode(msgpack.packb(vector["message"]))
    except ProtocolViolation as violation:
        code = violation.code
    assert code == vector["error"]
