"""The arguments of a handler's function: results of steps, task fields, and what its kind adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import TaskerError, ValidationError
from .handler_mistake import HandlerMistake

if TYPE_CHECKING:
    from collections.abc import Callable

    from .step_context import StepContext

CONTEXT_PARAMETERS = ("context", "_context")
CO_VARKEYWORDS = 0x08


def arguments_of(function: Callable[..., Any], context: StepContext, **about: Any) -> dict[str, Any]:
    """`about` is what a function may name and need not. Raises HandlerMistake: function and decorators do not fit."""
    arguments: dict[str, Any] = {}
    for parameter, source in dependencies_of(function).items():
        step_name, model = source if isinstance(source, tuple) else (source, None)
        value = context.get_dependency_result(step_name)
        arguments[parameter] = model(**value) if model is not None and isinstance(value, dict) else value
    for field in getattr(function, "_inputs", ()):
        if isinstance(field, str):
            arguments[field] = context.get_input(field)
        else:
            arguments["inputs"] = _built(field, context.input_data)
    for name in CONTEXT_PARAMETERS:
        about[name] = context
    named = _parameters(function)
    _check(function, named, arguments, about)
    return arguments | {name: value for name, value in about.items() if name in named}


def _built(model: Any, context: dict[str, Any]) -> Any:
    """Raises ValidationError: the task does not fit, and no retry changes the task."""
    try:
        return model(**_known_fields(model, context))
    except TaskerError:
        raise
    except (TypeError, ValueError) as error:
        raise ValidationError(f"the task does not fit {model.__name__}: {error}") from error


def dependencies_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Parameter → step name, or parameter → (step name, model)."""
    dependencies: dict[str, Any] = getattr(function, "_depends_on", {})
    return dependencies


def _check(
    function: Callable[..., Any], named: tuple[str, ...], arguments: dict[str, Any], about: dict[str, Any]
) -> None:
    """Python's own message would not name the decorator that has to change."""
    code = getattr(function, "__wrapped__", function).__code__
    defaults = set(named[len(named) - len(function.__defaults__ or ()) :]) | set(function.__kwdefaults__ or ())
    missing = [name for name in named if name not in arguments and name not in about and name not in defaults]
    if missing:
        raise HandlerMistake(
            f"the function `{function.__name__}` asks for `{missing[0]}`; name it in @depends_on or @inputs"
        )
    unknown = [] if code.co_flags & CO_VARKEYWORDS else [name for name in arguments if name not in named]
    if unknown:
        raise HandlerMistake(
            f"the function `{function.__name__}` does not take `{unknown[0]}`, which its decorators name"
        )


def _known_fields(model: type, context: dict[str, Any]) -> dict[str, Any]:
    """A model that says its fields takes only those; the context usually holds more."""
    fields = getattr(model, "model_fields", None) or getattr(model, "__dataclass_fields__", None)
    return context if fields is None else {name: value for name, value in context.items() if name in fields}


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(function, "__wrapped__", function).__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return names
