"""`tasker_core.models`: the documents of a step by name."""

from stephost.step_context import StepEvent, TaskSequenceStep

__all__ = ["StepEvent", "TaskSequenceStep"]
