//! Decisions: which steps of the template come next.

use serde::Serialize;
use serde_json::{json, Value};

use crate::{HandlerError, Retry, StepResult};

/// The code of a decision that names no steps.
pub(crate) const INVALID_DECISION_OUTCOME: &str = "INVALID_DECISION_OUTCOME";

/// For handlers of steps of type `decision`; announce it with `HandlerCapabilities::new().decision()`.
/// Names of Tasker's Rust API, without the step's id and the time, which the host knows.
pub trait DecisionCapable {
    /// Runs the named steps. `routing_context` says why; it is stored beside the decision.
    ///
    /// # Errors
    /// `INVALID_DECISION_OUTCOME`, permanent: there are no names, or an empty one.
    fn decision_success(
        &self,
        step_names: impl IntoIterator<Item = impl Into<String>>,
        routing_context: Option<Value>,
    ) -> Result<StepResult, HandlerError> {
        let names: Vec<String> = step_names.into_iter().map(Into::into).collect();
        if names.is_empty() || names.iter().any(String::is_empty) {
            let message = format!("The decision is not valid: `create_steps` needs step names, got {names:?}.");
            return Err(HandlerError::permanent(message).with_error_code(INVALID_DECISION_OUTCOME));
        }
        let outcome = json!({ "type": "create_steps", "step_names": names });
        Ok(StepResult::success(Decided { decision_point_outcome: outcome, reason: None, routing_context }))
    }

    /// Runs none of the steps.
    fn skip_branches(&self, reason: &str, routing_context: Option<Value>) -> StepResult {
        let outcome = json!({ "type": "no_branches" });
        StepResult::success(Decided { decision_point_outcome: outcome, reason: Some(reason), routing_context })
    }

    /// The decision could not be made; not retried.
    fn decision_failure(&self, message: impl Into<String>, error_type: impl Into<String>) -> HandlerError {
        HandlerError::new(message, error_type, Retry::No).with_error_code("DECISION_ERROR")
    }
}

#[derive(Serialize)]
struct Decided<'a> {
    decision_point_outcome: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_context: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Route;
    impl DecisionCapable for Route {}

    fn text(result: StepResult) -> String {
        result.outcome.expect("a success").expect("a document")
    }

    #[test]
    fn branches_none_or_a_mistake() {
        let chosen = Route.decision_success(["a"], Some(json!({ "total": 5 }))).expect("a decision");
        assert_eq!(
            text(chosen),
            r#"{"decision_point_outcome":{"step_names":["a"],"type":"create_steps"},"routing_context":{"total":5}}"#
        );
        let none = text(Route.skip_branches("empty", None));
        assert_eq!(none, r#"{"decision_point_outcome":{"type":"no_branches"},"reason":"empty"}"#);
        let names: [&str; 0] = [];
        let refused = Route.decision_success(names, None).expect_err("no names");
        assert_eq!(refused.failure.error_code.as_deref(), Some(INVALID_DECISION_OUTCOME));
        assert!(!refused.failure.retryable);
        assert!(Route.decision_success([""], None).is_err());
        let failure = Route.decision_failure("no rule", "validation_error").failure;
        assert_eq!((failure.error_code.as_deref(), failure.retryable), (Some("DECISION_ERROR"), false));
    }
}
