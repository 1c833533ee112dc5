//! The first step of a batch: divides the rows among workers.
use stephost_handler::{
    export_handlers, BatchableCapable, HandlerCapabilities, HandlerError, StepContext, StepHandler, StepResult,
};

export_handlers![SplitRows];

struct SplitRows;

impl BatchableCapable for SplitRows {}

impl StepHandler for SplitRows {
    fn name(&self) -> &str {
        "examples.split_rows"
    }

    fn capabilities(&self) -> HandlerCapabilities {
        HandlerCapabilities::new().batchable()
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        let rows: u64 = context.get_input("rows")?;
        if rows == 0 {
            return Ok(self.no_batches_outcome("no rows"));
        }
        let cursors = self.create_cursor_configs(rows, context.get_input("workers")?);
        self.batch_analyzer_success("process_rows", &cursors, rows)
    }
}
