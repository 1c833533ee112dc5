//! The last step of a batch: brings together what the workers did, if there were any.
use stephost_handler::{
    export_handlers, function, json, BatchAggregationScenario, HandlerError, StepContext, StepResult,
};

export_handlers![function("examples.merge_rows", merge_rows)];

fn merge_rows(context: &StepContext) -> Result<StepResult, HandlerError> {
    let (workers, scenario) = match BatchAggregationScenario::detect(context, "split_rows", "process_rows_")? {
        BatchAggregationScenario::NoBatches(_) => (Vec::new(), "no_batches"),
        BatchAggregationScenario::WithBatches(workers) => (workers, "with_batches"),
    };
    let total: u64 = workers.iter().filter_map(|(_, result)| result["results"]["sum"].as_u64()).sum();
    Ok(StepResult::success(json!({ "total": total, "worker_count": workers.len(), "scenario": scenario })))
}
