"""Public names as api.json writes them, and the signature of what each means."""

from __future__ import annotations

import importlib
import inspect
from typing import Any


def signature(name: str) -> str:
    """`module:Name.member`. What is no function: its kind. Raises AttributeError or ImportError: there is none."""
    module, _, path = name.partition(":")
    value: Any = importlib.import_module(module)
    for part in path.split("."):
        value = _member(value, part)
    return _written(value)


def _member(owner: Any, name: str) -> Any:
    if not isinstance(owner, type):
        return getattr(owner, name)
    # What every instance has is declared in the body of the class.
    if any(name in getattr(base, "__annotations__", {}) for base in owner.__mro__):
        return vars(owner).get(name)
    return inspect.getattr_static(owner, name)


def _written(value: Any) -> str:
    if isinstance(value, property):
        return "property"
    if isinstance(value, type):
        return "class"
    function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
    if not callable(function):
        return "attribute"
    parameters = [each for each in inspect.signature(function).parameters.values() if each.name not in ("self", "cls")]
    return f"({', '.join(_parameter(each) for each in parameters)})"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = ""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        stars = "*"
    elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
        stars = "**"
    if parameter.default is inspect.Parameter.empty:
        return stars + parameter.name
    shown = repr(parameter.default.value) if hasattr(parameter.default, "value") else repr(parameter.default)
    return f"{parameter.name}={shown}"
