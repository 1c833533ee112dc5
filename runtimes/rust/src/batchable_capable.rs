//! Batches: an analyzer divides the rows, workers take a part each, and what they return is gathered.

use serde::Serialize;
use serde_json::{json, Value};

use crate::cursors::{self, CursorConfig};
use crate::{HandlerError, Retry, StepResult};

/// For handlers of steps of type `batchable` and `batch_worker`; announce it with `HandlerCapabilities::new().batchable()`.
/// Names of Tasker's Rust API, without the step's id and the time, which the host knows.
pub trait BatchableCapable {
    /// Splits the rows evenly among at most `worker_count` workers; the first ones take the remainder.
    fn create_cursor_configs(&self, total_items: u64, worker_count: u32) -> Vec<CursorConfig> {
        cursors::even(total_items, worker_count)
    }

    /// Batches of `batch_size` rows; rows beyond `max_batches` batches are left out, as in Tasker.
    fn create_cursor_ranges(&self, total_items: u64, batch_size: u32, max_batches: Option<u32>) -> Vec<CursorConfig> {
        cursors::ranges(total_items, batch_size, max_batches)
    }

    /// The analyzer's result: one worker step for each cursor, made of the template's step `worker_template_name`.
    ///
    /// # Errors
    /// `validation_error`: there are no cursors; say `no_batches_outcome` instead.
    fn batch_analyzer_success(
        &self,
        worker_template_name: &str,
        cursor_configs: &[CursorConfig],
        total_items: u64,
    ) -> Result<StepResult, HandlerError> {
        if cursor_configs.is_empty() {
            return Err(HandlerError::validation("There are no cursors: return `no_batches_outcome` instead."));
        }
        let outcome = json!({
            "type": "create_batches",
            "worker_template_name": worker_template_name,
            "worker_count": cursor_configs.len(),
            "cursor_configs": cursor_configs,
            "total_items": total_items,
        });
        Ok(StepResult::success(json!({
            "batch_processing_outcome": outcome,
            "worker_count": cursor_configs.len(),
            "total_items": total_items,
        })))
    }

    /// The analyzer's result when there is nothing to do.
    fn no_batches_outcome(&self, reason: &str) -> StepResult {
        StepResult::success(json!({ "batch_processing_outcome": { "type": "no_batches" }, "reason": reason }))
    }

    /// A worker's result: the counts, and whatever else it found.
    fn batch_worker_success(&self, outcome: &BatchWorkerOutcome) -> StepResult {
        StepResult::success(outcome)
    }

    /// A worker's failure.
    fn batch_failure(&self, message: impl Into<String>, retryable: Retry) -> HandlerError {
        HandlerError::new(message, "batch_processing_error", retryable).with_error_code("BATCH_PROCESSING_FAILED")
    }

    /// Ends this run and leaves a checkpoint; the step runs again from there, without another attempt.
    fn checkpoint_yield(
        &self,
        cursor: impl Serialize,
        items_processed: u64,
        accumulated_results: Option<&Value>,
    ) -> StepResult {
        StepResult::checkpoint_yield(cursor, items_processed, accumulated_results)
    }
}

/// What a batch worker did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BatchWorkerOutcome {
    /// Rows that were looked at.
    pub items_processed: u64,
    /// Of these, rows that are done.
    pub items_succeeded: u64,
    /// Of these, rows that failed.
    pub items_failed: u64,
    /// Of these, rows that had nothing to do.
    pub items_skipped: u64,
    /// Where the worker stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_cursor: Option<Value>,
    /// What the step that gathers wants to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Value>,
}

impl BatchWorkerOutcome {
    /// All of so many rows succeeded.
    pub fn all(items: u64) -> Self {
        Self { items_processed: items, items_succeeded: items, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rows;
    impl BatchableCapable for Rows {}

    fn value(result: StepResult) -> Value {
        serde_json::from_str(&result.outcome.expect("a success").expect("a document")).expect("JSON")
    }

    #[test]
    fn an_analyzer_makes_workers_or_none() {
        let configs = Rows.create_cursor_configs(5, 2);
        let made = value(Rows.batch_analyzer_success("worker", &configs, 5).expect("batches"));
        assert_eq!(made["batch_processing_outcome"]["worker_count"], json!(2));
        assert_eq!(made["batch_processing_outcome"]["cursor_configs"][1]["start_cursor"], json!(3));
        assert!(Rows.batch_analyzer_success("worker", &[], 0).is_err());
        let none = value(Rows.no_batches_outcome("empty"));
        assert_eq!(none, json!({ "batch_processing_outcome": { "type": "no_batches" }, "reason": "empty" }));
        assert_eq!(Rows.create_cursor_ranges(10, 4, None).len(), 3);
    }

    #[test]
    fn a_worker_counts_its_rows() {
        let done = value(Rows.batch_worker_success(&BatchWorkerOutcome::all(3)));
        assert_eq!(done, json!({ "items_processed": 3, "items_succeeded": 3, "items_failed": 0, "items_skipped": 0 }));
        let failure = Rows.batch_failure("row 7", Retry::Yes).failure;
        assert_eq!((failure.retryable, failure.error_code.as_deref()), (true, Some("BATCH_PROCESSING_FAILED")));
    }
}
