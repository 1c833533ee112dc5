"""The package for authors of Python handlers; decorators are in `stephost.functional`. Nothing here runs a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import (
    AuthenticationError,
    AuthorizationError,
    BusinessLogicError,
    CheckpointNotStored,
    ConfigurationError,
    ErrorType,
    FFIError,
    NetworkError,
    NotFoundError,
    PermanentError,
    RateLimitError,
    ResourceContentionError,
    RetryableError,
    ServiceUnavailableError,
    TaskerError,
    TimeoutError,
    ValidationError,
    is_permanent,
    is_retryable,
)
from .step_context import StepContext
from .step_handler import StepHandler
from .step_result import StepHandlerResult
from .version import VERSION

if TYPE_CHECKING:
    from .aggregation import BatchAggregationResult, BatchAggregationScenario, aggregate_batch_results
    from .api_capable import ApiHandler, APIMixin
    from .base_publisher import (
        BasePublisher,
        DefaultPublisher,
        EventDeclaration,
        PublishContext,
        StepEventContext,
        StepResult,
    )
    from .base_subscriber import BaseSubscriber
    from .batch_processing_outcome import (
        BatchAnalyzerOutcome,
        CreateBatchesOutcome,
        NoBatchesOutcome,
        create_batches,
        no_batches,
    )
    from .batch_worker_context import (
        BatchMetadata,
        BatchWorkerContext,
        BatchWorkerOutcome,
        FailureStrategy,
        RustBatchWorkerInputs,
    )
    from .batchable_capable import Batchable, BatchableHandler
    from .client import TaskerClient
    from .cursors import BatchWorkerConfig, CursorConfig, RustCursorConfig
    from .decision_capable import DecisionHandler, DecisionMixin, DecisionPointOutcome, DecisionType
    from .error_classifier import ErrorClassifier, get_classifier
    from .event_bridge import EventBridge, EventNames, EventPoller
    from .handler_definition import HandlerDefinition
    from .http_client import HttpClient
    from .http_response import ApiResponse
    from .in_process_poller import InProcessDomainEventPoller
    from .logs import LogContext, log_debug, log_error, log_info, log_trace, log_warn
    from .publisher_registry import PublisherRegistry
    from .registry import HandlerRegistry
    from .resolver_chain import ResolverChain
    from .resolvers import BaseResolver, RegistryResolver
    from .subscriber_registry import SubscriberRegistry
    from .worker import (
        BootstrapConfig,
        Worker,
        bootstrap_worker,
        get_worker_status,
        is_worker_running,
        stop_worker,
        transition_to_graceful_shutdown,
    )


__version__ = VERSION

# What few handlers use loads when it is first named: the import of the package is in the way of every start.
_LAZY = {
    "aggregation": (
        "BatchAggregationResult",
        "BatchAggregationScenario",
        "aggregate_batch_results",
    ),
    "api_capable": (
        "APIMixin",
        "ApiHandler",
    ),
    "base_publisher": (
        "BasePublisher",
        "DefaultPublisher",
        "EventDeclaration",
        "PublishContext",
        "StepEventContext",
        "StepResult",
    ),
    "base_subscriber": ("BaseSubscriber",),
    "batch_processing_outcome": (
        "BatchAnalyzerOutcome",
        "CreateBatchesOutcome",
        "NoBatchesOutcome",
        "create_batches",
        "no_batches",
    ),
    "batch_worker_context": (
        "BatchMetadata",
        "BatchWorkerContext",
        "BatchWorkerOutcome",
        "FailureStrategy",
        "RustBatchWorkerInputs",
    ),
    "batchable_capable": (
        "Batchable",
        "BatchableHandler",
    ),
    "cursors": (
        "BatchWorkerConfig",
        "CursorConfig",
        "RustCursorConfig",
    ),
    "decision_capable": (
        "DecisionHandler",
        "DecisionMixin",
        "DecisionPointOutcome",
        "DecisionType",
    ),
    "http_client": ("HttpClient",),
    "http_response": ("ApiResponse",),
    "in_process_poller": ("InProcessDomainEventPoller",),
    "publisher_registry": ("PublisherRegistry",),
    "subscriber_registry": ("SubscriberRegistry",),
    "client": ("TaskerClient",),
    "error_classifier": (
        "ErrorClassifier",
        "get_classifier",
    ),
    "event_bridge": (
        "EventBridge",
        "EventNames",
        "EventPoller",
    ),
    "handler_definition": ("HandlerDefinition",),
    "logs": (
        "LogContext",
        "log_debug",
        "log_error",
        "log_info",
        "log_trace",
        "log_warn",
    ),
    "registry": ("HandlerRegistry",),
    "resolver_chain": ("ResolverChain",),
    "resolvers": (
        "BaseResolver",
        "RegistryResolver",
    ),
    "worker": (
        "BootstrapConfig",
        "Worker",
        "bootstrap_worker",
        "get_worker_status",
        "is_worker_running",
        "stop_worker",
        "transition_to_graceful_shutdown",
    ),
}
_PLACES = {name: module for module, names in _LAZY.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    globals()[name] = value
    return value


__all__ = [
    "APIMixin",
    "ApiHandler",
    "ApiResponse",
    "AuthenticationError",
    "AuthorizationError",
    "BasePublisher",
    "BaseResolver",
    "BaseSubscriber",
    "BatchAggregationResult",
    "BatchAggregationScenario",
    "BatchAnalyzerOutcome",
    "BatchMetadata",
    "BatchWorkerConfig",
    "BatchWorkerContext",
    "BatchWorkerOutcome",
    "Batchable",
    "BatchableHandler",
    "BootstrapConfig",
    "BusinessLogicError",
    "CheckpointNotStored",
    "ConfigurationError",
    "CreateBatchesOutcome",
    "CursorConfig",
    "DecisionHandler",
    "DecisionMixin",
    "DecisionPointOutcome",
    "DecisionType",
    "DefaultPublisher",
    "ErrorClassifier",
    "ErrorType",
    "EventBridge",
    "EventDeclaration",
    "EventNames",
    "EventPoller",
    "FFIError",
    "FailureStrategy",
    "HandlerDefinition",
    "HandlerRegistry",
    "HttpClient",
    "InProcessDomainEventPoller",
    "LogContext",
    "NetworkError",
    "NoBatchesOutcome",
    "NotFoundError",
    "PermanentError",
    "PublishContext",
    "PublisherRegistry",
    "RateLimitError",
    "RegistryResolver",
    "ResolverChain",
    "ResourceContentionError",
    "RetryableError",
    "RustBatchWorkerInputs",
    "RustCursorConfig",
    "ServiceUnavailableError",
    "StepContext",
    "StepEventContext",
    "StepHandler",
    "StepHandlerResult",
    "StepResult",
    "SubscriberRegistry",
    "TaskerClient",
    "TaskerError",
    "TimeoutError",
    "ValidationError",
    "Worker",
    "__version__",
    "aggregate_batch_results",
    "bootstrap_worker",
    "create_batches",
    "get_classifier",
    "get_worker_status",
    "is_permanent",
    "is_retryable",
    "is_worker_running",
    "log_debug",
    "log_error",
    "log_info",
    "log_trace",
    "log_warn",
    "no_batches",
    "stop_worker",
    "transition_to_graceful_shutdown",
]
