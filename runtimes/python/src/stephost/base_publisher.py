"""Shapes the domain events of a step whose template names it as `publisher`. Source of names: handler-api §1.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import published_events
from .event_names import snake_case

if TYPE_CHECKING:
    import logging

    from .step_context import StepContext


@dataclass
class EventDeclaration:
    """What the template declares."""

    name: str
    description: str = ""
    condition: str = "success"
    delivery_mode: str = "durable"
    publisher: str | None = None
    schema: dict[str, Any] | None = None


@dataclass
class StepResult:
    """The stored result of the step; `error` has `message`, `error_type`, `retryable` …"""

    success: bool
    result: Any = None
    error: dict[str, Any] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    status: str = "completed"


@dataclass
class StepEventContext:
    """Which step it was."""

    task_uuid: str
    step_uuid: str
    step_name: str
    namespace: str
    correlation_id: str
    step_context: StepContext | None = None


@dataclass
class PublishContext:
    """All that a publisher is told."""

    event_name: str
    step_result: StepResult
    event_declaration: EventDeclaration
    step_context: StepEventContext


class BasePublisher:
    """A subclass is found with its file."""

    @property
    def publisher_name(self) -> str:
        """What a template writes under `publisher`."""
        return snake_case(type(self).__name__)

    def should_publish(self, ctx: PublishContext) -> bool:
        return True

    def transform_payload(self, ctx: PublishContext) -> Any:
        """The business payload."""
        return ctx.step_result.result

    def additional_metadata(self, ctx: PublishContext) -> dict[str, Any]:
        """Beside what every event says of its step."""
        return {}

    def before_publish(self, event_name: str, payload: Any, metadata: dict[str, Any]) -> bool | None:
        """False: the event is not published."""
        return True

    def after_publish(self, event_name: str, payload: Any, metadata: dict[str, Any]) -> None:
        """It was sent."""

    def on_publish_error(self, event_name: str, error: Exception, payload: Any) -> None:
        self.logger.error("The event %s was not published: %s", event_name, error)

    def publish(self, ctx: PublishContext, event_name: str | None = None) -> bool:
        """Asks the methods above, one after the other. Override it to publish several events (`publish_event`)."""
        if not self.should_publish(ctx):
            return False
        name = event_name or ctx.event_name
        payload = self.transform_payload(ctx)
        metadata = self.additional_metadata(ctx) or {}
        if self.before_publish(name, payload, metadata) is False:
            return False
        self.publish_event(name, payload, metadata)
        return True

    def publish_event(self, event_name: str, payload: Any, metadata: dict[str, Any] | None = None) -> None:
        """Only within `publish`; raises ConfigurationError elsewhere."""
        published_events.add(event_name, payload, metadata)

    @property
    def logger(self) -> logging.Logger:
        from . import step_logger

        return step_logger.logger()


class DefaultPublisher(BasePublisher):
    """For steps that name no publisher of their own: the result is the payload."""

    @property
    def publisher_name(self) -> str:
        return "default"
