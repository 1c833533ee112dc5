"""Says when it started, in microseconds since 1970."""

import time

from stephost import StepContext, StepHandler, StepHandlerResult


class Now(StepHandler):
    """The clock of the Python runtime."""

    handler_name = "bench.now_python"

    def call(self, context: StepContext) -> StepHandlerResult:
        return self.success({"started_us": time.time_ns() // 1000})
