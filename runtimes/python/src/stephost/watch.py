"""The watch: a thread without the interpreter's lock that answers the host and ends the process with it."""

from __future__ import annotations

import os
import sys

PR_SET_PDEATHSIG = 1
SIGKILL = 9


def start(descriptor: int | None, library: str | None) -> bool:
    """Whether the host's tokens are answered, also while a handler holds the interpreter's lock.

    The code is native/pinger.c. Without it the process still asks to die with the host.
    """
    if descriptor is not None and library is not None and _watched(descriptor, library):
        return True
    _die_with_host()
    return False


def _watched(descriptor: int, library: str) -> bool:
    try:
        import ctypes

        code = ctypes.CDLL(library).stephost_watch(descriptor)
    except (ImportError, OSError, AttributeError) as error:
        return _refuse(library, str(error))
    return code == 0 or _refuse(library, os.strerror(code))


def _refuse(library: str, reason: str) -> bool:
    sentence = f"stephost: the watch {library} does not run: {reason}. The host pings over the wire instead."
    print(sentence, file=sys.stderr, flush=True)
    return False


def _die_with_host() -> None:
    """The symbol comes from the process itself; where ctypes is missing, the wire's end must do."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
    except (ImportError, OSError, AttributeError):
        return
