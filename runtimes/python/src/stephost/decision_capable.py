"""Decisions: which branches of the template run. Source: handler-api §1.2."""

from __future__ import annotations

from enum import Enum
from typing import Any

from .errors import PermanentError
from .step_handler import StepHandler
from .step_result import StepHandlerResult

CODE_INVALID = "INVALID_DECISION_OUTCOME"


class DecisionType(str, Enum):
    CREATE_STEPS = "create_steps"
    NO_BRANCHES = "no_branches"


class DecisionPointOutcome:
    """Made by `create_steps` or `no_branches`."""

    def __init__(
        self,
        decision_type: DecisionType,
        next_step_names: list[str],
        *,
        dynamic_steps: list[dict[str, Any]] | None = None,
        reason: str | None = None,
        routing_context: dict[str, Any] | None = None,
    ) -> None:
        self.decision_type = decision_type
        self.next_step_names = next_step_names
        self.dynamic_steps = dynamic_steps
        self.reason = reason
        self.routing_context = routing_context or {}

    @classmethod
    def create_steps(
        cls,
        step_names: list[str],
        dynamic_steps: list[dict[str, Any]] | None = None,
        routing_context: dict[str, Any] | None = None,
    ) -> DecisionPointOutcome:
        """Raises PermanentError (INVALID_DECISION_OUTCOME): no names, or names that are empty."""
        names = [step_names] if isinstance(step_names, str) else list(step_names)
        if not names or not all(isinstance(name, str) and name for name in names):
            message = f"The decision is not valid: `create_steps` needs step names, got {step_names!r}."
            raise PermanentError(message, error_code=CODE_INVALID)
        return cls(DecisionType.CREATE_STEPS, names, dynamic_steps=dynamic_steps, routing_context=routing_context)

    @classmethod
    def no_branches(cls, reason: str, routing_context: dict[str, Any] | None = None) -> DecisionPointOutcome:
        return cls(DecisionType.NO_BRANCHES, [], reason=reason, routing_context=routing_context)

    def to_dict(self) -> dict[str, Any]:
        """The form that orchestration reads (handler-api §0.4)."""
        if self.decision_type == DecisionType.NO_BRANCHES:
            return {"type": "no_branches"}
        return {"type": "create_steps", "step_names": self.next_step_names}


class DecisionMixin:
    """`class Route(DecisionMixin, StepHandler)`, or subclass DecisionHandler."""

    _capability = "decision"

    handler_name: str
    handler_version: str

    def decision_success(
        self,
        steps: list[str],
        routing_context: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> StepHandlerResult:
        """Raises PermanentError (INVALID_DECISION_OUTCOME): there are no steps."""
        outcome = DecisionPointOutcome.create_steps(steps, routing_context=routing_context)
        return self.decision_success_with_outcome(outcome, metadata)

    def decision_success_with_outcome(
        self, outcome: DecisionPointOutcome, metadata: dict[str, Any] | None = None
    ) -> StepHandlerResult:
        result: dict[str, Any] = {"decision_point_outcome": outcome.to_dict()}
        if outcome.routing_context:
            result["routing_context"] = outcome.routing_context
        if outcome.dynamic_steps is not None:
            result["dynamic_steps"] = outcome.dynamic_steps
        if outcome.reason is not None:
            result["reason"] = outcome.reason
        about = {"decision_handler": self.handler_name, "decision_version": self.handler_version}
        return StepHandlerResult.success(result, {**about, **(metadata or {})})

    def decision_no_branches(
        self, outcome: DecisionPointOutcome, metadata: dict[str, Any] | None = None
    ) -> StepHandlerResult:
        """No branch runs; `outcome` says why."""
        return self.decision_success_with_outcome(outcome, metadata)

    def route_to_steps(
        self,
        step_names: list[str],
        routing_context: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> StepHandlerResult:
        """As `decision_success`."""
        return self.decision_success(step_names, routing_context, metadata)

    def skip_branches(
        self,
        reason: str,
        routing_context: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> StepHandlerResult:
        return self.decision_no_branches(DecisionPointOutcome.no_branches(reason, routing_context), metadata)

    def decision_failure(
        self,
        message: str,
        error_type: str = "decision_error",
        retryable: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> StepHandlerResult:
        return StepHandlerResult.failure(message, error_type, retryable, metadata)


class DecisionHandler(DecisionMixin, StepHandler):
    """The class from before mixins."""
