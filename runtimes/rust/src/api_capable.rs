//! Answers of APIs: which are failures, and which of those a retry can help. The client is yours.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::{HandlerError, Retry, StepResult};

/// What a status code says of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClassification {
    /// 2xx.
    Success,
    /// 429: later, and not before `Retry-After`.
    RateLimited,
    /// Other 4xx: the request itself is wrong.
    PermanentError,
    /// 5xx: the other side is in trouble.
    TransientError,
    /// No answer that HTTP knows.
    NetworkError,
}

impl ErrorClassification {
    /// Whether a retry can help.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::TransientError | Self::NetworkError)
    }

    fn error_type(self) -> &'static str {
        match self {
            Self::Success => "handler_error",
            Self::RateLimited => "rate_limited",
            Self::PermanentError => "permanent_error",
            Self::TransientError => "retryable_error",
            Self::NetworkError => "network_error",
        }
    }
}

/// For handlers that call an API; announce it with `HandlerCapabilities::new().api()`. Names of Tasker's Rust API.
pub trait APICapable {
    /// The answer as the step's result: `{data, status, headers}`.
    fn api_success(&self, data: impl Serialize, status: u16, headers: &BTreeMap<String, String>) -> StepResult {
        StepResult::success(Answer { data, status, headers })
    }

    /// The failure that a status stands for. `Retry-After` in seconds, where the answer has one.
    fn api_failure(&self, message: impl Into<String>, status: u16, retry_after: Option<Duration>) -> HandlerError {
        let class = self.classify_status_code(status);
        let error = HandlerError::new(message, class.error_type(), Retry::from(class.is_retryable()))
            .with_error_code(format!("HTTP_{status}"));
        match retry_after {
            Some(wait) if class.is_retryable() => error.with_retry_after(wait),
            _ => error,
        }
    }

    /// 2xx success, 429 rate limited, other 4xx permanent, 5xx transient, all else a network error.
    fn classify_status_code(&self, status: u16) -> ErrorClassification {
        match status {
            200..=299 => ErrorClassification::Success,
            429 => ErrorClassification::RateLimited,
            400..=499 => ErrorClassification::PermanentError,
            500..=599 => ErrorClassification::TransientError,
            _ => ErrorClassification::NetworkError,
        }
    }
}

#[derive(Serialize)]
struct Answer<'a, T> {
    data: T,
    status: u16,
    headers: &'a BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Client;
    impl APICapable for Client {}

    #[test]
    fn a_status_says_whether_a_retry_helps() {
        use ErrorClassification::{NetworkError, PermanentError, RateLimited, Success, TransientError};
        let statuses =
            [(204, Success), (404, PermanentError), (429, RateLimited), (503, TransientError), (0, NetworkError)];
        for (status, class) in statuses {
            assert_eq!(Client.classify_status_code(status), class, "{status}");
        }
        let busy = Client.api_failure("busy", 429, Some(Duration::from_secs(7))).failure;
        assert_eq!((busy.retryable, busy.retry_after_s, busy.error_code.as_deref()), (true, Some(7), Some("HTTP_429")));
        let wrong = Client.api_failure("wrong", 422, Some(Duration::from_secs(7))).failure;
        assert_eq!((wrong.retryable, wrong.retry_after_s, wrong.error_type.as_str()), (false, None, "permanent_error"));
    }

    #[test]
    fn an_answer_keeps_status_and_headers() {
        let headers = BTreeMap::from([("etag".to_owned(), "7".to_owned())]);
        let result = Client.api_success(1, 201, &headers).outcome.expect("a success").expect("a document");
        assert_eq!(result, r#"{"data":1,"status":201,"headers":{"etag":"7"}}"#);
    }
}
