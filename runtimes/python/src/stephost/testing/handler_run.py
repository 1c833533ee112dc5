"""What a handler's run came to, in the form in which it would be stored."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from .. import handler_mistake, row_batch, wire_result
from ..handler import Handler
from ..step_result import StepHandlerResult
from ..target import METHOD_DEFAULT, Target
from .context_factory import build_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..step_context import StepContext


class HandlerRun:
    """`result` and `metadata` of a success, `error` of a failure, `outcome`: `kind` and `document`.

    `checkpoints` are what the handler saved with `context.save_checkpoint`.
    """

    def __init__(self, entry: dict[str, Any], context: StepContext) -> None:
        self.success: bool = entry["success"]
        self.metadata: dict[str, Any] = json.loads(entry["metadata"])
        self.result: Any = json.loads(entry["result"]) if self.success else None
        self.error: dict[str, Any] = {} if self.success else entry["error"]
        lifted = entry.get("outcome")
        document = json.loads(lifted["document"]) if lifted else None
        self.outcome: dict[str, Any] | None = {**lifted, "document": document} if lifted else None
        self.checkpoints = context.recorded_checkpoints

    @property
    def retryable(self) -> bool:
        """Whether another try may help."""
        return not self.success and bool(self.error["retryable"])

    def assert_success(self, **fields: Any) -> Any:
        """The result has these fields; gives the result."""
        assert self.success, f"expected a success, got {self!r}"
        for name, expected in fields.items():
            actual = self.result.get(name) if isinstance(self.result, dict) else None
            assert actual == expected, f"expected {name} to be {expected!r}, got {actual!r}"
        return self.result

    def assert_fails_permanently(self, message: str = "", *, code: str | None = None) -> None:
        """No other try would help; `message` is a part of what it says."""
        assert not self.success and not self.retryable, f"expected a permanent failure, got {self!r}"
        self._assert_words(message, code)

    def assert_fails_retryably(self, message: str = "", *, after: int | None = None, code: str | None = None) -> None:
        """Another try may help; `after` is the wished wait in seconds."""
        assert self.retryable, f"expected a retryable failure, got {self!r}"
        self._assert_words(message, code)
        wait = self.error["retry_after_s"]
        assert after is None or wait == after, f"expected a wait of {after} s, got {wait}"

    def assert_decides_on(self, *steps: str) -> None:
        """These branches run; without any, none does."""
        assert self.outcome is not None and self.outcome["kind"] == "decision", f"expected a decision, got {self!r}"
        branches = self.outcome["document"].get("step_names", [])
        assert branches == list(steps), f"expected the branches {list(steps)}, got {branches}"

    def assert_yields_checkpoint(self, cursor: Any, items_processed: int | None = None) -> None:
        assert self.outcome is not None and self.outcome["kind"] == "checkpoint", f"expected a checkpoint, got {self!r}"
        document = self.outcome["document"]
        assert document["cursor"] == cursor, f"expected a checkpoint at {cursor!r}, got {document['cursor']!r}"
        assert items_processed in (None, document["items_processed"])

    def __repr__(self) -> str:
        if self.success:
            return f"a success with {self.result!r}"
        kind = "retryable" if self.retryable else "permanent"
        return f"a {kind} failure ({self.error['error_type']}): {self.error['message']}"

    def _assert_words(self, message: str, code: str | None) -> None:
        said = self.error["message"]
        assert message in said, f"expected the message to have {message!r}, got {said!r}"
        assert code in (None, self.error["error_code"]), f"expected the code {code}, got {self.error['error_code']}"


def run_handler(handler: Any, context: Any = None, *, method: str = METHOD_DEFAULT, **about: Any) -> HandlerRun:
    """Runs a handler class or a decorated function as the host would; `about` is that of `build_context`."""
    made = _handler(handler)
    if not made.has_method(method):
        raise ValueError(f"{made.callable} has no public method `{method}`")
    given = build_context(context, handler_name=made.callable, **about)
    return HandlerRun(_entry(made, given, lambda: _awaited(Target(made, method).run(given))), given)


def run_batch(handler: Any, contexts: list[dict[str, Any]], **about: Any) -> list[HandlerRun]:
    """Runs a `process_batch` with one context for each of the task contexts."""
    made = _handler(handler)
    given = [build_context(context, handler_name=made.callable, **about) for context in contexts]
    results = _awaited(row_batch.run(made.instance(given[0]), given))
    pairs = zip(given, results, strict=True)
    return [HandlerRun(wire_result.entry(str(each.step_uuid), result, made, 0), each) for each, result in pairs]


def _handler(handler: Any) -> Handler:
    return Handler(getattr(handler, "_handler_class", handler), handler.__module__, "")


def _entry(handler: Handler, context: StepContext, run: Callable[[], Any]) -> dict[str, Any]:
    """The same way as the runtime goes, without a thread and a host."""
    try:
        outcome = StepHandlerResult.from_handler_output(run())
    except Exception as error:
        outcome = handler_mistake.explain(StepHandlerResult.from_exception(error), error, handler)
    return wire_result.entry(str(context.step_uuid), outcome, handler, 0)


def _awaited(output: Any) -> Any:
    if not hasattr(output, "__await__"):
        return output

    async def wait() -> Any:
        return await output

    return asyncio.run(wait())
