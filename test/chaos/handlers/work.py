"""The chaos run's handlers in Python: each run is logged by itself, so that the checker need not believe the database."""

import os
import time
import uuid

from stephost import PermanentError, RetryableError, StepHandler


class Work(StepHandler):
    handler_name = "chaos.python"

    def call(self, context):
        run = str(uuid.uuid4())
        done = context.checkpoint_items_processed

        def log(phase):
            line = f"{phase} {context.step_uuid} {context.retry_count} {done} {run}\n"
            # One write to a file opened for appending is whole and in order, also among processes.
            with open(context.get_input("log"), "ab", buffering=0) as file:
                file.write(line.encode())

        log("begin")
        time.sleep(context.get_config("work_ms") / 1000)
        gate = context.get_input_or("gate")
        while gate and not os.path.exists(gate):
            time.sleep(0.01)
        if context.get_config("refuse"):
            log("failure")
            raise PermanentError(f"refused, run={run}")
        if context.retry_count < context.get_config("failures"):
            log("failure")
            raise RetryableError(f"flaky, run={run}")
        if done < context.get_config("rows"):
            log("yield")
            return self.checkpoint_yield(f"row {done}", done + 1)
        log("success")
        return {"run": run}
