//! The one failure value of a handler: what went wrong, and whether a retry can help.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::json_text::{to_object_text, InvalidDocument};

/// Why a step failed. Return it as `Err`, or inside [`StepResult::failure`](crate::StepResult::failure) to add metadata.
///
/// Any `std::error::Error` becomes one through `?`: type `handler_error`, retryable (Tasker's rule for a returned `Err`).
/// It does not implement `Error` itself, because that conversion would then be ambiguous.
#[derive(Debug)]
pub struct HandlerError {
    /// Boxed, because this travels in the `Err` of every accessor.
    pub(crate) failure: Box<Failure>,
}

#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) error_type: String,
    pub(crate) error_code: Option<String>,
    pub(crate) retryable: bool,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) backtrace: Vec<String>,
    pub(crate) context: Option<Result<String, InvalidDocument>>,
}

impl HandlerError {
    /// A failure of the given type, a free word; the constructors below cover the usual ones.
    pub fn new(message: impl Into<String>, error_type: impl Into<String>, retryable: Retry) -> Self {
        let failure = Failure {
            message: message.into(),
            error_type: error_type.into(),
            error_code: None,
            retryable: retryable == Retry::Yes,
            retry_after_s: None,
            backtrace: Vec::new(),
            context: None,
        };
        Self { failure: Box::new(failure) }
    }

    /// A retry cannot help: type `permanent_error`.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(message, "permanent_error", Retry::No)
    }

    /// A retry may help: type `retryable_error`.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self::new(message, "retryable_error", Retry::Yes)
    }

    /// The step was given something wrong: type `validation_error`, not retryable.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(message, "validation_error", Retry::No)
    }

    /// Something took too long: type `timeout`, retryable.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(message, "timeout", Retry::Yes)
    }

    /// A code that programs look at, such as `CARD_DECLINED`.
    #[must_use]
    pub fn with_error_code(mut self, code: impl Into<String>) -> Self {
        self.failure.error_code = Some(code.into());
        self
    }

    /// Another word for the kind of failure.
    #[must_use]
    pub fn with_error_type(mut self, error_type: impl Into<String>) -> Self {
        self.failure.error_type = error_type.into();
        self
    }

    /// The wish not to be retried sooner; whole seconds, rounded up.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.failure.retry_after_s = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    /// Facts that help to understand the failure: anything that serializes to a JSON object.
    #[must_use]
    pub fn with_context(mut self, context: impl Serialize) -> Self {
        self.failure.context = Some(to_object_text(&context));
        self
    }
}

/// Whether a retry can help; a word at the place of the call, where a bare `true` would say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The step is run again, as long as it has attempts left.
    Yes,
    /// The step fails for good.
    No,
}

impl From<bool> for Retry {
    fn from(retryable: bool) -> Self {
        if retryable {
            Self::Yes
        } else {
            Self::No
        }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.failure.error_type, self.failure.message)
    }
}

impl<E: Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let mut converted = Self::new(error.to_string(), "handler_error", Retry::Yes);
        let mut cause = error.source();
        while let Some(inner) = cause {
            converted.failure.backtrace.push(format!("caused by: {inner}"));
            cause = inner.source();
        }
        converted
    }
}
