"""`tasker_core.step_handler.mixins`: what handlers can do beside their work."""

from stephost.api_capable import APIMixin
from stephost.batchable_capable import Batchable
from stephost.decision_capable import DecisionMixin
from stephost.http_response import ApiResponse

BatchableMixin = Batchable

__all__ = ["APIMixin", "ApiResponse", "Batchable", "BatchableMixin", "DecisionMixin"]
