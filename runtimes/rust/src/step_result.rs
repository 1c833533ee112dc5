//! What a handler gives back: a value or a failure, each with metadata.

use serde::Serialize;
use serde_json::Value;

use crate::checkpoints::checkpoint_document;
use crate::json_text::{to_json_text, to_object_text, InvalidDocument};
use crate::HandlerError;

/// The outcome of one step.
#[derive(Debug)]
pub struct StepResult {
    pub(crate) outcome: Result<Document, HandlerError>,
    pub(crate) metadata: Option<Document>,
    /// The outcome is a checkpoint instead of a value.
    pub(crate) is_checkpoint: bool,
}

/// A value that was written as JSON, or why it could not be.
pub(crate) type Document = Result<String, InvalidDocument>;

impl StepResult {
    /// The step is done; `value` is what dependent steps will see: anything that serializes.
    ///
    /// A value that jsonb cannot hold (a NUL character, nesting deeper than 200) fails the step as `invalid_result`.
    /// serde writes `NaN` and infinities as `null`.
    pub fn success(value: impl Serialize) -> Self {
        Self { outcome: Ok(to_json_text(&value)), metadata: None, is_checkpoint: false }
    }

    /// The step failed. The same as returning `Err(error)`, but metadata can be added.
    pub fn failure(error: HandlerError) -> Self {
        Self { outcome: Err(error), metadata: None, is_checkpoint: false }
    }

    /// Ends this run and leaves a checkpoint: the step runs again from there, in the same attempt.
    pub fn checkpoint_yield(cursor: impl Serialize, items_processed: u64, accumulated_results: Option<&Value>) -> Self {
        let outcome = Ok(checkpoint_document(&cursor, items_processed, accumulated_results));
        Self { outcome, metadata: None, is_checkpoint: true }
    }

    /// Facts about the run that are stored beside the result: anything that serializes to a JSON object.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Serialize) -> Self {
        self.metadata = Some(to_object_text(&metadata));
        self
    }
}
