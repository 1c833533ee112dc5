"""A call of a publisher or a subscriber → its entry. The modes are those of PROTOCOL.md §3.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import fork_guard, json_text, published_events, wire_result
from .base_publisher import EventDeclaration, PublishContext, StepEventContext, StepResult
from .step_context import StepContext

if TYPE_CHECKING:
    from .base_publisher import BasePublisher
    from .call import Call
    from .event_code import EventCode
    from .messages import Message
    from .wire_result import Entry


class EventRun:
    """`message` is an `execute` with an `event`."""

    def __init__(self, call: Call, message: Message, event_code: EventCode) -> None:
        self._call = call
        self._mode: str = message["mode"]
        self._name: str = message["callable"]
        self._request: dict[str, Any] = message["requests"][0]
        self._event: dict[str, Any] = json_text.parse(message["event"])
        self._event_code = event_code

    def entries(self) -> list[Entry]:
        step_uuid = self._request["step_uuid"]
        try:
            result = self._run()
        except BaseException as error:
            if fork_guard.is_child():
                fork_guard.leave(error)
            return [wire_result.failure(step_uuid, type(error).__name__, str(error))]
        entry = {"step_uuid": step_uuid, "execution_time_ms": 0, "success": True, "metadata": "{}"}
        return [entry | {"result": json_text.write(result)}]

    def _run(self) -> dict[str, Any] | None:
        if self._mode == "deliver":
            self._deliver()
            return None
        publisher = self._event_code.publisher(self._name)
        if publisher is None:
            raise LookupError(f"No publisher is called `{self._name}`.")
        if self._mode == "publish":
            ctx = self._context()
            return {"events": published_events.collect(lambda: publisher.publish(ctx))}
        self._tell(publisher)
        return None

    def _tell(self, publisher: BasePublisher) -> None:
        """What became of an event."""
        name, payload, error = self._event["event_name"], self._event["payload"], self._event["error"]
        if error is None:
            publisher.after_publish(name, payload, self._event["metadata"])
        else:
            publisher.on_publish_error(name, RuntimeError(error), payload)

    def _deliver(self) -> None:
        subscriber = self._event_code.subscriber(self._name)
        if subscriber is None:
            raise LookupError(f"No subscriber is called `{self._name}`.")
        if subscriber.active:
            subscriber.deliver(self._event)

    def _context(self) -> PublishContext:
        declared, result = self._event["declaration"], self._event["execution_result"]
        step = StepContext.from_request(self._request, self._name, self._call)
        namespace = str(step.task_sequence_step.task.get("namespace_name", ""))
        task_uuid, step_uuid, step_name = (self._request[name] for name in ("task_uuid", "step_uuid", "step_name"))
        correlation_id = self._request["correlation_id"]
        return PublishContext(
            declared["name"],
            StepResult(**{name: result[name] for name in StepResult.__dataclass_fields__ if name in result}),
            EventDeclaration(
                **{name: declared[name] for name in EventDeclaration.__dataclass_fields__ if name in declared}
            ),
            StepEventContext(task_uuid, step_uuid, step_name, namespace, correlation_id, step),
        )
