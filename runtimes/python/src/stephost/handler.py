"""One handler class as the runtime knows it: its names, its origin, and how an instance is made for a call."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from .function_arguments import dependencies_of
from .step_handler import StepHandler
from .target import ENTRIES, METHOD_BATCH, METHOD_DEFAULT, is_async

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .step_context import StepContext


class Handler:
    """`file` is relative to `root`. `declared` is false when the name is derived and stands against nobody's."""

    def __init__(
        self, handler_class: type[StepHandler], file: str, root: str, callable_name: str | None = None
    ) -> None:
        self.handler_class = handler_class
        self.file = file
        self.root = root
        self.version = str(handler_class.handler_version)
        self.import_path = f"{handler_class.__module__}.{handler_class.__qualname__}"
        # `callable_name` is one under which it was registered.
        name = callable_name or handler_class.handler_name
        self.declared = bool(name)
        self.callable = name or self.import_path
        self.capabilities = _capabilities(handler_class)
        self.batch = _batch(handler_class)
        self.batches_async = is_async(getattr(handler_class, METHOD_BATCH, None))
        names = [self.import_path] if self.declared else [handler_class.__name__]
        self.aliases = [name for name in names if name != self.callable]

    @property
    def place(self) -> str:
        return os.path.join(self.root, self.file)

    def announcement(self) -> dict[str, Any]:
        return {
            "callable": self.callable,
            "aliases": self.aliases,
            "file": self.file,
            "root": self.root,
            "version": self.version,
            "capabilities": self.capabilities,
            "on_crash": "retry" if self.handler_class.on_crash == "retry" else "backoff",
            **({} if self.batch is None else {"batch": self.batch}),
            "depends_on": self._depends_on(),
        }

    def drop_aliases(self, names: Iterable[str]) -> None:
        """Aliases that mean something else elsewhere are ambiguous and go."""
        self.aliases = [alias for alias in self.aliases if alias not in names]

    def has_method(self, name: str) -> bool:
        """Whether the class offers `name` as a public handler method of its own; others stand for `call`."""
        if name == METHOD_DEFAULT and any(hasattr(self.handler_class, entry) for entry in ENTRIES):
            return True
        method = getattr(self.handler_class, name, None)
        return not name.startswith("_") and callable(method) and method is not getattr(StepHandler, name, None)

    def instance(self, context: StepContext) -> StepHandler:
        """A new one for every call; `context` is that of the step, or of the first one of a batch."""
        made = self.handler_class()
        made._stephost_context = context
        return made

    def _depends_on(self) -> list[str]:
        """Steps that the decorators of a function name; a class asks while it runs."""
        sources = dependencies_of(getattr(self.handler_class, "_function", self.handler_class)).values()
        return [source[0] if isinstance(source, tuple) else source for source in sources]


def _batch(handler_class: type[StepHandler]) -> dict[str, int] | None:
    """What is wrong is said, and the steps come one by one."""
    declared = handler_class.batch
    if declared is None:
        return None
    name = handler_class.__name__
    if not hasattr(handler_class, METHOD_BATCH):
        problem = f"{name} declares `batch` and has no `process_batch`"
    elif not _is_batch(declared):
        problem = f'{name}.batch is not {{"max_size": from 1, "max_wait_ms": from 0}}'
    else:
        return declared
    print(f"stephost: {problem}; its steps come one by one.", file=sys.stderr)
    return None


def _is_batch(declared: Any) -> bool:
    if not isinstance(declared, dict) or set(declared) != {"max_size", "max_wait_ms"}:
        return False
    size, wait_ms = declared["max_size"], declared["max_wait_ms"]
    return type(size) is int and size >= 1 and type(wait_ms) is int and wait_ms >= 0


def _capabilities(handler_class: type[StepHandler]) -> list[str]:
    """A property is asked without running `__init__`, which may need more than the runtime gives."""
    declared = handler_class.__dict__.get("capabilities", handler_class.capabilities)
    try:
        read = declared.fget if isinstance(declared, property) else None
        value: Any = declared if read is None else read(object.__new__(handler_class))
        # Every handler can `process`; saying so would tell the host nothing.
        return [str(word) for word in value or [] if word != "process"]
    except Exception:
        return []
