"""The process: takes its descriptors, starts the watch, and serves until the host is gone."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from . import watch
from .descriptors import Descriptors, UnusableDescriptor
from .options import USAGE, InvalidOptions, Options

EXIT_USAGE = 2
EXIT_FAULT = 70


def run(arguments: list[str]) -> NoReturn:
    """`os._exit` everywhere: nothing that handlers registered may delay the end."""
    try:
        options = Options(arguments)
        descriptors = Descriptors(options.wire_descriptor, options.watch_descriptor)
    except (InvalidOptions, UnusableDescriptor) as error:
        print(f"stephost: {error}\n{USAGE}", file=sys.stderr, flush=True)
        os._exit(EXIT_USAGE)
    try:
        _settle_process()
        watched = watch.start(descriptors.watch, options.watch_library)
        # Only now: the watch runs before anything that may take long.
        from .runtime import Runtime

        Runtime(options, descriptors, watched, _fail_with).serve()
    except BaseException as error:
        _fail_with(error)


def _settle_process() -> None:
    # Ctrl-C reaches the whole process group, but only the host decides when work ends. Children keep their default.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    # `python -m` puts the working directory first; there its files would hide libraries of the same name.
    if sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(os.getcwd()):
        sys.path.append(sys.path.pop(0))


def _fail_with(error: BaseException) -> NoReturn:
    import traceback

    text = "stephost: the Python runtime broke: " + "".join(traceback.format_exception(error))
    os.write(2, text.encode(errors="replace"))
    os._exit(EXIT_FAULT)
