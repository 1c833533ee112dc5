"""Many steps in one call: the host gathers up to a hundred of them, the first waits at most 20 ms."""

from typing import Any

from stephost import StepContext, StepHandler


class InsertRows(StepHandler):
    handler_name = "examples.insert_rows"
    batch = {"max_size": 100, "max_wait_ms": 20}  # noqa: RUF012

    def process_batch(self, contexts: list[StepContext]) -> list[Any]:
        rows = [context.get_input("row") for context in contexts]
        if 13 in rows:
            # What is raised here fails nobody yet: the host then gives the steps one by one.
            raise RuntimeError("row 13 breaks the whole statement")
        return [
            self.failure(f"row {row} is negative", retryable=False)
            if row < 0
            else {"row": row, "batch_size": len(rows)}
            for row in rows
        ]
