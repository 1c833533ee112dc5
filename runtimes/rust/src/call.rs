//! One call of the host: what all its steps share while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
#[cfg(test)]
use std::time::Duration;

use crate::abi::HostRef;
use crate::cancellation::Cancellation;
use crate::checkpoints::not_stored;
use crate::json_text::InvalidDocument;
use crate::messages::{self, Checkpoint, Checkpointed};
use crate::HandlerError;

/// What the steps of one `execute` have in common.
#[derive(Debug)]
pub struct Call {
    pub call_id: String,
    pub callable: String,
    pub method: Option<String>,
    pub cancellation: Arc<Cancellation>,
    pub host: Option<HostRef>,
    last_checkpoint: AtomicU64,
}

impl Call {
    pub fn new(
        call_id: String,
        callable: String,
        method: Option<String>,
        cancellation: Arc<Cancellation>,
        host: Option<HostRef>,
    ) -> Self {
        Self { call_id, callable, method, cancellation, host, last_checkpoint: AtomicU64::new(0) }
    }

    /// A call that no host made, for tests.
    #[cfg(test)]
    pub fn detached(callable: &str, time_left: Duration) -> Self {
        Self::new("c1".to_owned(), callable.to_owned(), None, Arc::new(Cancellation::new(time_left)), None)
    }

    /// Blocks until the host has stored the document, or said why not.
    ///
    /// # Errors
    /// `checkpoint_not_stored`, retryable.
    pub fn save_checkpoint(&self, step_uuid: &str, data: Result<String, InvalidDocument>) -> Result<(), HandlerError> {
        let data = data.map_err(|invalid| not_stored(&invalid.to_string()))?;
        let host = self.host.ok_or_else(|| not_stored("no host runs this call"))?;
        let checkpoint_id = self.last_checkpoint.fetch_add(1, Ordering::Relaxed) + 1;
        let message =
            Checkpoint { message_type: "checkpoint", call_id: &self.call_id, step_uuid, checkpoint_id, data: &data };
        let question = messages::encode(&message).map_err(|problem| not_stored(&problem))?;
        let answer =
            host.ask(&question).map_err(|code| not_stored(&format!("the host does not answer (code {code})")))?;
        let answer = Checkpointed::decode(&answer).map_err(|problem| not_stored(&problem))?;
        if answer.stored {
            Ok(())
        } else {
            Err(not_stored(answer.message.as_deref().unwrap_or("the host does not say why")))
        }
    }
}
