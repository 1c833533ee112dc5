"""One handler class as the runtime knows it: its names, its origin, and how an instance is made for a call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .step_handler import StepHandler
from .target import METHOD_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterable


class Handler:
    """`file` is relative to `root`. `declared` is false when the name is derived and stands against nobody's."""

    def __init__(self, handler_class: type[StepHandler], file: str, root: str) -> None:
        self.handler_class = handler_class
        self.file = file
        self.root = root
        self.version = str(handler_class.handler_version)
        self.import_path = f"{handler_class.__module__}.{handler_class.__qualname__}"
        self.declared = bool(handler_class.handler_name)
        self.callable = handler_class.handler_name or self.import_path
        self.capabilities = _capabilities(handler_class)
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
        }

    def drop_aliases(self, names: Iterable[str]) -> None:
        """Aliases that mean something else elsewhere are ambiguous and go."""
        self.aliases = [alias for alias in self.aliases if alias not in names]

    def has_method(self, name: str) -> bool:
        """Whether the class offers `name` as a public handler method of its own; `process` stands for `call`."""
        if name == METHOD_DEFAULT and hasattr(self.handler_class, "process"):
            return True
        method = getattr(self.handler_class, name, None)
        return not name.startswith("_") and callable(method) and method is not getattr(StepHandler, name, None)

    def instance(self) -> StepHandler:
        """A new one for every call."""
        return self.handler_class()


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
