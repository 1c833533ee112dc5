"""The command line of the runtime."""

from __future__ import annotations

from .frames import BYTES_MAX_DEFAULT

MAX_IN_FLIGHT_DEFAULT = 10
USAGE = "usage: python -m stephost --handlers DIR [--handlers DIR …] [--max-in-flight N] [--frame-bytes-max N]"


class InvalidOptions(Exception):
    """The message says what is wrong."""


class Options:
    """Not argparse: its import costs as much as all of this package."""

    def __init__(self, arguments: list[str]) -> None:
        self.handlers: list[str] = []
        self.max_in_flight = MAX_IN_FLIGHT_DEFAULT
        self.frame_bytes_max = BYTES_MAX_DEFAULT
        rest = iter(arguments)
        for name in rest:
            self._assign(name, next(rest, None))

    def _assign(self, name: str, value: str | None) -> None:
        if name == "--handlers":
            if value is None:
                raise InvalidOptions("--handlers needs a directory")
            self.handlers.append(value)
        elif name == "--max-in-flight":
            self.max_in_flight = _count(name, value)
        elif name == "--frame-bytes-max":
            self.frame_bytes_max = _count(name, value)
        else:
            raise InvalidOptions(f"unknown option {name}")


def _count(name: str, value: str | None) -> int:
    if value is None or not value.isascii() or not value.isdigit() or int(value) == 0:
        raise InvalidOptions(f"{name} needs a whole number above 0")
    return int(value)
