"""The command line of the runtime (PROTOCOL.md §7)."""

from __future__ import annotations

from .frames import BYTES_MAX_DEFAULT

MAX_IN_FLIGHT_DEFAULT = 16
LOG_LINES_PER_SECOND_DEFAULT = 1000
WIRE_DESCRIPTOR_DEFAULT = 3
USAGE = """usage: python -m stephost --handlers DIR [--handlers DIR …] [--ignore NAME …] [--max-in-flight N]
       [--threads N] [--frame-bytes-max N] [--log-lines-per-second N] [--wire-descriptor N] [--watch-descriptor N]
       [--watch-library FILE]"""


class InvalidOptions(Exception):
    """The message says what is wrong."""


class Options:
    """Not argparse: its import costs as much as all of this package."""

    def __init__(self, arguments: list[str]) -> None:
        self.handlers: list[str] = []
        self.ignore: list[str] = []
        self.watch_library: str | None = None
        self._counts = {
            "--max-in-flight": MAX_IN_FLIGHT_DEFAULT,
            "--frame-bytes-max": BYTES_MAX_DEFAULT,
            "--log-lines-per-second": LOG_LINES_PER_SECOND_DEFAULT,
            "--wire-descriptor": WIRE_DESCRIPTOR_DEFAULT,
        }
        rest = iter(arguments)
        for name in rest:
            self._assign(name, next(rest, None))
        self.max_in_flight = self._counts["--max-in-flight"]
        # More threads than calls would only wait.
        self.threads = min(self._counts.get("--threads", self.max_in_flight), self.max_in_flight)
        self.frame_bytes_max = self._counts["--frame-bytes-max"]
        self.log_lines_per_second = self._counts["--log-lines-per-second"]
        self.wire_descriptor = self._counts["--wire-descriptor"]
        self.watch_descriptor = self._counts.get("--watch-descriptor")

    def _assign(self, name: str, value: str | None) -> None:
        if name == "--handlers":
            self.handlers.append(_text(name, value))
        elif name == "--ignore":
            self.ignore.append(_text(name, value))
        elif name == "--watch-library":
            self.watch_library = _text(name, value)
        elif name in self._counts or name in ("--threads", "--watch-descriptor"):
            self._counts[name] = _count(name, value)
        else:
            raise InvalidOptions(f"unknown option {name}")


def _text(name: str, value: str | None) -> str:
    if value is None:
        raise InvalidOptions(f"{name} needs a value")
    return value


def _count(name: str, value: str | None) -> int:
    if value is None or not value.isascii() or not value.isdigit() or int(value) == 0:
        raise InvalidOptions(f"{name} needs a whole number above 0")
    return int(value)
