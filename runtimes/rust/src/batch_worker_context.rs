//! What a batch worker is given: its part of the rows, and how the batch is to be treated.

use serde::Deserialize;
use serde_json::Value;

use crate::cursors::CursorConfig;
use crate::{HandlerError, StepContext, StepResult};

/// The inputs of a batch worker (handler-api §0.4).
#[derive(Clone, Debug, Deserialize)]
pub struct BatchWorkerInputs {
    /// Its part of the rows.
    pub cursor: CursorConfig,
    /// How the batch is to be treated.
    pub batch_metadata: BatchMetadata,
    /// The analyzer found nothing: this worker only stands for that.
    #[serde(default)]
    pub is_no_op: bool,
}

/// How a batch is to be treated, from the template.
#[derive(Clone, Debug, Deserialize)]
pub struct BatchMetadata {
    /// The field that the cursor counts.
    pub cursor_field: String,
    /// What a failed row means for the others.
    pub failure_strategy: FailureStrategy,
}

/// What a failed row means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureStrategy {
    /// The other rows go on.
    ContinueOnFailure,
    /// The batch stops.
    FailFast,
    /// The row is set aside.
    Isolate,
}

/// A batch worker's view of its step.
#[derive(Clone, Debug)]
pub struct BatchWorkerContext {
    inputs: BatchWorkerInputs,
}

impl BatchWorkerContext {
    /// Reads the step's inputs.
    ///
    /// # Errors
    /// `validation_error`: the step has no inputs of a batch worker.
    pub fn from_step_data(context: &StepContext) -> Result<Self, HandlerError> {
        Ok(Self { inputs: context.step_inputs()? })
    }

    /// The analyzer found nothing, so there is nothing to do: return [`no_op_result`](Self::no_op_result).
    pub fn is_no_op(&self) -> bool {
        self.inputs.is_no_op
    }

    /// The result of a worker without work.
    pub fn no_op_result(&self) -> StepResult {
        StepResult::success(serde_json::json!({ "no_op": true, "batch_id": self.batch_id(), "items_processed": 0 }))
    }

    /// `batch_001` and so on.
    pub fn batch_id(&self) -> &str {
        &self.inputs.cursor.batch_id
    }

    /// The first row, 0 where the cursor is no number; see [`cursor`](Self::cursor).
    pub fn start_position(&self) -> u64 {
        self.inputs.cursor.start_cursor.as_u64().unwrap_or(0)
    }

    /// The row after the last, 0 where the cursor is no number.
    pub fn end_position(&self) -> u64 {
        self.inputs.cursor.end_cursor.as_u64().unwrap_or(0)
    }

    /// Rows of this batch.
    pub fn total_batch_size(&self) -> u32 {
        self.inputs.cursor.batch_size
    }

    /// The field that the cursor counts.
    pub fn cursor_field(&self) -> &str {
        &self.inputs.batch_metadata.cursor_field
    }

    /// Start and end as they were given.
    pub fn cursor(&self) -> (&Value, &Value) {
        (&self.inputs.cursor.start_cursor, &self.inputs.cursor.end_cursor)
    }

    /// All that the worker was given.
    pub fn inputs(&self) -> &BatchWorkerInputs {
        &self.inputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inputs_of_a_worker() {
        let inputs = json!({
            "cursor": { "batch_id": "batch_002", "start_cursor": 10, "end_cursor": 20, "batch_size": 10 },
            "batch_metadata": { "cursor_field": "id", "failure_strategy": "fail_fast" },
            "is_no_op": true, "__template_step_name": "worker"
        });
        let context = BatchWorkerContext { inputs: serde_json::from_value(inputs).expect("inputs") };
        assert_eq!((context.batch_id(), context.start_position(), context.end_position()), ("batch_002", 10, 20));
        assert_eq!((context.total_batch_size(), context.cursor_field()), (10, "id"));
        assert_eq!(context.cursor(), (&json!(10), &json!(20)));
        assert_eq!(context.inputs().batch_metadata.failure_strategy, FailureStrategy::FailFast);
        assert!(context.is_no_op());
        assert!(context.no_op_result().outcome.is_ok());
    }
}
