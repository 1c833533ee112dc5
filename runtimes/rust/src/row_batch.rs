//! Several steps in one call of `process_batch`: contexts in, a result for each out.

use std::time::Duration;

use crate::{HandlerError, Retry, StepContext, StepHandler, StepResult};

/// How many steps a handler takes in one call, and how long the first one waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// At least 1.
    pub size_max: u32,
    /// Whole milliseconds.
    pub wait_max: Duration,
}

/// What `process_batch` returns: a result for each context, in their order. `None` and a missing one at the end:
/// `missing_result`, retryable.
pub type BatchResults = Vec<Option<Result<StepResult, HandlerError>>>;

/// The results of all contexts, or the error of the code itself; then the steps are to run one by one.
pub(crate) fn run(handler: &dyn StepHandler, contexts: &[StepContext]) -> Result<Vec<StepResult>, HandlerError> {
    let mut results = handler.process_batch(contexts)?;
    let (name, given) = (handler.name(), results.len());
    if given > contexts.len() {
        return Ok(contexts.iter().map(|_| StepResult::failure(misfit(name, given))).collect());
    }
    results.resize_with(contexts.len(), || None);
    let settled = results.into_iter().map(|each| each.unwrap_or_else(|| Err(missing(name))));
    Ok(settled.map(|each| each.unwrap_or_else(StepResult::failure)).collect())
}

/// The result of a batch of one.
pub(crate) fn only(name: &str, results: BatchResults) -> Result<StepResult, HandlerError> {
    if results.len() > 1 {
        return Err(misfit(name, results.len()));
    }
    results.into_iter().next().flatten().unwrap_or_else(|| Err(missing(name)))
}

fn misfit(name: &str, given: usize) -> HandlerError {
    let message =
        format!("`process_batch` of {name} returned {given} results; return a list in the order of the contexts.");
    HandlerError::new(message, "invalid_result", Retry::No)
}

fn missing(name: &str) -> HandlerError {
    let message = format!("`process_batch` of {name} gave no result for this step.");
    HandlerError::new(message, "missing_result", Retry::Yes)
}
