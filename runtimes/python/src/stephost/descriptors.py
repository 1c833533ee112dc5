"""Descriptors: taken before any user code loads, so that nothing it prints can reach the wire (PROTOCOL.md §1)."""

from __future__ import annotations

import os
import stat


class UnusableDescriptor(Exception):
    """The message says which one and why."""


class Descriptors:
    """The numbers of the wire's duplex socket and of the watch (None: no watch), closed on exec."""

    def __init__(self, wire: int, watch: int | None) -> None:
        self.wire = _socket(wire)
        self.watch = None if watch is None else _socket(watch)

    def close(self) -> None:
        """A forked child must not speak to the host, and must not keep its sockets open either."""
        for descriptor in (self.wire, self.watch):
            if descriptor is not None:
                os.close(descriptor)


def _socket(descriptor: int) -> int:
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise UnusableDescriptor(f"descriptor {descriptor} is not a socket")
        os.set_inheritable(descriptor, False)
    except OSError as error:
        raise UnusableDescriptor(f"descriptor {descriptor} cannot be used: {error.strerror}") from None
    return descriptor
