"""Finds and imports the handler files below the roots; a file that does not load becomes a load failure."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from .handler import Handler
from .step_handler import StepHandler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

IGNORED_DIRECTORIES = frozenset({"node_modules", "target", "__pycache__"})


class NameTaken(Exception):
    """The import name of a file belongs to another module."""


class Loader:
    """`handlers` were found; `load_failures` are `{file, message}`."""

    def __init__(self, ignore: Sequence[str] = ()) -> None:
        self._ignore = ignore
        self.handlers: list[Handler] = []
        self.load_failures: list[dict[str, str]] = []
        # Publishers and subscribers.
        self.event_places: dict[type, dict[str, str]] = {}

    def load(self, roots: list[str]) -> Loader:
        """`roots`: the `--handlers` directories as the host wrote them."""
        present = []
        for root in roots:
            if os.path.isdir(root):
                present.append(root)
            else:
                self._fail(root, "The handlers directory does not exist.")
        # Python takes a cached file for current when second and size agree, so a quick edit would not go live.
        sys.dont_write_bytecode = True
        # All roots first, so that files may import each other; last in line, so that none hides a library.
        sys.path.extend(os.path.realpath(root) for root in present)
        for root in present:
            for file in _files(os.path.realpath(root), self._ignore):
                self._load_file(root, file)
        self._add_registered()
        return self

    def _load_file(self, root: str, file: str) -> None:
        """Anything may be raised while a file loads, `exit` included; the other files still serve."""
        path = os.path.join(os.path.realpath(root), file)
        try:
            module = _import(_module_name(file), path)
        except BaseException as error:
            self._fail(os.path.join(root, file), _explain(error, path))
        else:
            self.handlers += [Handler(handler_class, file, root) for handler_class in _handler_classes(module)]
            self.event_places |= {code: {"file": file, "root": root} for code in _event_classes(module)}

    def _add_registered(self) -> None:
        """What files registered by hand, or what their resolvers say that they resolve. Most files do neither."""
        if "stephost.registry" not in sys.modules:
            return
        from .registry import HandlerRegistry

        registry = HandlerRegistry.instance()
        classes = {name: registry.get_handler_class(name) for name in registry.list_handlers()}
        for resolver in registry.resolver_chain.custom():
            # What a resolver raises must not keep the others from serving.
            try:
                resolved = {name: registry.resolve(name) for name in resolver.registered_callables()}
                classes |= {name: type(handler) for name, handler in resolved.items() if handler is not None}
            except Exception as error:
                self._fail(f"resolver {type(resolver).__name__}", f"{type(error).__name__}: {error}")
        for name, handler_class in classes.items():
            if handler_class is None or any(handler.callable == name for handler in self.handlers):
                continue
            known = next((handler for handler in self.handlers if handler.handler_class is handler_class), None)
            file, root = (known.file, known.root) if known else (handler_class.__module__, "")
            self.handlers.append(Handler(handler_class, file, root, name))

    def _fail(self, file: str, message: str) -> None:
        self.load_failures.append({"file": file, "message": message.encode(errors="replace").decode()})


def _files(root: str, ignore: Sequence[str]) -> Iterator[str]:
    """Paths relative to the root, sorted. Hidden directories cover `.venv` and `.git`."""
    for directory, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name not in IGNORED_DIRECTORIES and not _ignored(name, ignore))
        for name in sorted(files):
            file = os.path.relpath(os.path.join(directory, name), root)
            # A root is no package, so an `__init__.py` directly in it has no import name.
            if name.endswith(".py") and not _ignored(name, ignore) and file != "__init__.py":
                yield file


def _ignored(name: str, patterns: Sequence[str]) -> bool:
    if name.startswith("."):
        return True
    # Most projects ignore nothing, and the import costs a millisecond.
    if not patterns:
        return False
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _module_name(file: str) -> str:
    parts = file.removesuffix(".py").split(os.sep)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def _import(name: str, path: str) -> ModuleType:
    module = sys.modules.get(name) or importlib.import_module(name)
    origin = getattr(module, "__file__", None)
    if origin is None or not os.path.samefile(origin, path):
        raise NameTaken(f"The import name `{name}` belongs to {origin or 'a built-in module'}; rename the file.")
    return module


def _handler_classes(module: ModuleType) -> Iterator[type[StepHandler]]:
    """Classes and decorated functions that the module itself declares, each once."""
    seen: set[Any] = set()
    for value in list(vars(module).values()):
        candidate = getattr(value, "_handler_class", value)
        if not isinstance(candidate, type) or not issubclass(candidate, StepHandler) or candidate in seen:
            continue
        seen.add(candidate)
        if candidate.__module__ == module.__name__ and _serves(candidate):
            yield candidate


def _event_classes(module: ModuleType) -> Iterator[type]:
    """Publishers and subscribers; files without any have not imported their base classes."""
    names = [("stephost.base_publisher", "BasePublisher"), ("stephost.base_subscriber", "BaseSubscriber")]
    bases = tuple(getattr(sys.modules[place], name) for place, name in names if place in sys.modules)
    for value in dict.fromkeys(each for each in vars(module).values() if isinstance(each, type)):
        if not bases or not issubclass(value, bases) or value.__module__ != module.__name__:
            continue
        if not hasattr(value, "subscribes_to") or value.subscribes_to():
            yield value


def _serves(candidate: type[StepHandler]) -> bool:
    """A class without a name and without a public method of its own is a base for others."""
    own = (name for base in candidate.__mro__ if base not in (StepHandler, object) for name in vars(base))
    return bool(candidate.handler_name) or any(name == "call" or not hasattr(StepHandler, name) for name in own)


def _explain(error: BaseException, path: str) -> str:
    """One sentence with the line."""
    if isinstance(error, SystemExit):
        return "The file calls `exit` while it loads."
    if isinstance(error, NameTaken):
        return str(error)
    if isinstance(error, SyntaxError):
        place = "" if error.filename == path else f"in {error.filename}, "
        return f"{place}line {error.lineno}: {type(error).__name__}: {error.msg}"
    if isinstance(error, ImportError) and "no known parent package" in str(error):
        return "A file directly in the handlers directory is in no package: import its neighbour as `import name`."
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{f'line {line}: ' if line else ''}{type(error).__name__}: {error}"
