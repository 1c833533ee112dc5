"""A worker of a batch: does its share, and may put down how far it came to go on from there."""

from __future__ import annotations

from stephost import Batchable, BatchWorkerContext, PermanentError, StepContext, StepHandler, StepHandlerResult


class ProcessRows(StepHandler, Batchable):
    handler_name = "examples.process_rows"

    def call(self, context: StepContext) -> StepHandlerResult:
        no_op = self.handle_no_op_worker(context)
        if no_op is not None:
            return no_op
        batch = self.get_batch_context(context)
        if batch is None:
            raise PermanentError("this step is no batch worker")
        return self._process(batch, context.get_config("yield_every"))

    def _process(self, batch: BatchWorkerContext, yield_every: int | None) -> StepHandlerResult:
        start = batch.checkpoint_cursor or batch.start_cursor
        end = min(start + yield_every, batch.end_cursor) if yield_every else batch.end_cursor
        total = (batch.accumulated_results or {"sum": 0})["sum"] + sum(range(start, end))
        done = end - batch.start_cursor
        if end < batch.end_cursor:
            return self.checkpoint_yield(end, done, {"sum": total})
        return self.batch_worker_success(items_processed=done, last_cursor=end, results={"sum": total})
