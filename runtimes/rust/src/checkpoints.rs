//! Checkpoints: the document that a step leaves for its next run.

use serde::Serialize;
use serde_json::Value;

use crate::json_text::{to_json_text, InvalidDocument};
use crate::{HandlerError, Retry};

#[derive(Serialize)]
struct CheckpointDocument<'a, C> {
    cursor: &'a C,
    items_processed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    accumulated_results: Option<&'a Value>,
}

/// The text of `{cursor, items_processed, accumulated_results?}` (PROTOCOL.md §3.1).
pub fn checkpoint_document(
    cursor: &impl Serialize,
    items_processed: u64,
    accumulated_results: Option<&Value>,
) -> Result<String, InvalidDocument> {
    to_json_text(&CheckpointDocument { cursor, items_processed, accumulated_results })
}

/// The failure of a checkpoint that could not be kept.
pub fn not_stored(why: &str) -> HandlerError {
    HandlerError::new(format!("The checkpoint was not stored: {why}"), "checkpoint_not_stored", Retry::Yes)
}
