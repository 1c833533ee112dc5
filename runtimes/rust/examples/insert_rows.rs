//! Many steps in one call: the host gathers up to a hundred of them, the first waits at most 20 ms.
use std::time::Duration;

use stephost_handler::{
    export_handlers, json, BatchLimits, BatchResults, HandlerError, StepContext, StepHandler, StepResult,
};

export_handlers![InsertRows];

struct InsertRows;

impl StepHandler for InsertRows {
    fn name(&self) -> &str {
        "examples.insert_rows"
    }

    fn batch(&self) -> Option<BatchLimits> {
        Some(BatchLimits { size_max: 100, wait_max: Duration::from_millis(20) })
    }

    fn process_batch(&self, contexts: &[StepContext]) -> Result<BatchResults, HandlerError> {
        let rows = contexts.iter().map(|context| context.get_input("row")).collect::<Result<Vec<i64>, _>>()?;
        // An error here fails nobody yet: the steps are run one by one then.
        if rows.contains(&13) {
            return Err(HandlerError::retryable("row 13 breaks the whole statement"));
        }
        Ok(rows.iter().map(|row| Some(insert(*row, rows.len()))).collect())
    }
}

fn insert(row: i64, batch_size: usize) -> Result<StepResult, HandlerError> {
    if row < 0 {
        return Err(HandlerError::permanent(format!("row {row} is negative")));
    }
    Ok(StepResult::success(json!({ "row": row, "batch_size": batch_size })))
}
