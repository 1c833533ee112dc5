//! A worker of a batch: does its share, and may put down how far it came to go on from there.
use stephost_handler::{
    export_handlers, json, BatchWorkerContext, BatchWorkerOutcome, BatchableCapable, HandlerCapabilities, HandlerError,
    StepContext, StepHandler, StepResult, Value,
};

export_handlers![ProcessRows];

struct ProcessRows;

impl BatchableCapable for ProcessRows {}

impl StepHandler for ProcessRows {
    fn name(&self) -> &str {
        "examples.process_rows"
    }

    fn capabilities(&self) -> HandlerCapabilities {
        HandlerCapabilities::new().batchable()
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        let batch = BatchWorkerContext::from_step_data(context)?;
        if batch.is_no_op() {
            return Ok(batch.no_op_result());
        }
        let end = batch.end_position();
        let from = context.checkpoint_cursor().unwrap_or(batch.start_position());
        let to = context.get_config::<Option<u64>>("yield_every")?.map_or(end, |rows| end.min(from + rows));
        let before = context.accumulated_results::<Value>().and_then(|results| results["sum"].as_u64()).unwrap_or(0);
        let sum = before + (from..to).sum::<u64>();
        let done = to - batch.start_position();
        if to < end {
            return Ok(self.checkpoint_yield(to, done, Some(&json!({ "sum": sum }))));
        }
        let results = Some(json!({ "sum": sum }));
        Ok(self.batch_worker_success(&BatchWorkerOutcome {
            last_cursor: Some(json!(to)),
            results,
            ..BatchWorkerOutcome::all(done)
        }))
    }
}
