"""The first step of a batch: divides the rows among workers."""

from stephost import Batchable, StepContext, StepHandler, StepHandlerResult


class SplitRows(StepHandler, Batchable):
    handler_name = "examples.split_rows"

    def call(self, context: StepContext) -> StepHandlerResult:
        rows = context.get_input("rows")
        if rows == 0:
            return self.no_batches_outcome("no rows")
        return self.batch_analyzer_success(
            cursor_configs=self.create_cursor_configs(rows, context.get_input("workers")),
            total_items=rows,
            worker_template_name="process_rows",
        )
