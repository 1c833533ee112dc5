"""`tasker_core.step_handler.mixins`: what handlers can do beside their work."""

from stephost.decision_capable import DecisionMixin

__all__ = ["DecisionMixin"]
