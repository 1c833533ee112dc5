"""`tasker_core.domain_events`: publishers and subscribers."""

from stephost.base_publisher import (
    BasePublisher,
    DefaultPublisher,
    EventDeclaration,
    PublishContext,
    StepEventContext,
    StepResult,
)
from stephost.base_subscriber import BaseSubscriber
from stephost.in_process_poller import InProcessDomainEventPoller
from stephost.publisher_registry import PublisherRegistry
from stephost.subscriber_registry import SubscriberRegistry

__all__ = [
    "BasePublisher",
    "BaseSubscriber",
    "DefaultPublisher",
    "EventDeclaration",
    "InProcessDomainEventPoller",
    "PublishContext",
    "PublisherRegistry",
    "StepEventContext",
    "StepResult",
    "SubscriberRegistry",
]
