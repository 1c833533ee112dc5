"""What keeps a process that a handler forks away from the host: it closes the wire and never gives a result."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_DONE = 0
EXIT_RAISED = 1

_runtime_pid = os.getpid()


def install(in_child: Callable[[], None]) -> None:
    """`in_child` closes what belongs to the parent."""
    os.register_at_fork(after_in_child=in_child)


def is_child() -> bool:
    """Whether this process is a fork of the runtime."""
    return os.getpid() != _runtime_pid


def leave(error: BaseException | None = None) -> NoReturn:
    """Ends a child whose handler came to its end: only the parent's run of it has a result."""
    if error is None:
        os._exit(EXIT_DONE)
    if isinstance(error, SystemExit):
        os._exit(error.code if isinstance(error.code, int) else EXIT_RAISED if error.code else EXIT_DONE)
    import traceback

    traceback.print_exception(error, file=sys.stderr)
    sys.stderr.flush()
    os._exit(EXIT_RAISED)
