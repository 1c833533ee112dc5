//! From one `execute` message to its `result` message: finds the handler, runs it behind the wall, writes what came out.

use std::sync::Arc;
use std::time::Instant;

use crate::abi::HostRef;
use crate::call::Call;
use crate::cancellation::RunningCalls;
use crate::decision_capable::INVALID_DECISION_OUTCOME;
use crate::json_text::{parse_document, to_json_text, InvalidDocument};
use crate::messages::{self, Execute, Request, ResultEntry, ResultError, ResultMessage, ResultOutcome};
use crate::panic_wall::{behind_wall, Panic};
use crate::row_batch;
use crate::{HandlerError, Registry, Retry, StepContext, StepHandler, StepResult};

const EMPTY_OBJECT: &str = "{}";

/// Runs one call and gives the bytes of its answer.
///
/// # Errors
/// What the encoder says; a failing handler is no error.
pub fn execute(
    registry: &Registry,
    calls: &RunningCalls,
    execute: Execute,
    host: Option<HostRef>,
) -> Result<Vec<u8>, String> {
    let running = calls.begin(&execute.call_id, execute.time_left);
    let Execute { call_id, is_batch, callable, method, requests, .. } = execute;
    let call = Arc::new(Call::new(call_id, callable, method, Arc::clone(&running.cancellation), host));
    let results = match registry.find(&call.callable) {
        Some(handler) => run(handler, requests, &call, is_batch),
        None => {
            requests.into_iter().map(|request| failed(request.step_uuid, 0, not_found(&call.callable), None)).collect()
        }
    };
    messages::encode(&ResultMessage { message_type: "result", call_id: &call.call_id, results })
}

fn run(handler: &dyn StepHandler, requests: Vec<Request>, call: &Arc<Call>, is_batch: bool) -> Vec<ResultEntry> {
    let contexts: Vec<_> = requests.into_iter().map(|request| StepContext::new(request, Arc::clone(call))).collect();
    if is_batch && handler.batch().is_some() {
        if let Some(entries) = run_batch(handler, &contexts) {
            return entries;
        }
    }
    contexts.into_iter().map(|context| run_step(handler, context)).collect()
}

/// All steps in one call; `None` when the code itself failed: they run one by one then.
fn run_batch(handler: &dyn StepHandler, contexts: &[StepContext]) -> Option<Vec<ResultEntry>> {
    let started = Instant::now();
    let results = behind_wall(|| row_batch::run(handler, contexts)).ok()?.ok()?;
    let elapsed_ms = milliseconds(started);
    let entries = contexts.iter().zip(results);
    Some(entries.map(|(context, result)| entry(handler, context.step_uuid().to_owned(), elapsed_ms, result)).collect())
}

fn run_step(handler: &dyn StepHandler, context: StepContext) -> ResultEntry {
    let step_uuid = context.step_uuid().to_owned();
    let started = Instant::now();
    // The context is dropped behind the wall too; the handler's values are plain JSON text by then.
    let outcome = behind_wall(move || context.in_step(|| handler.call(&context)));
    let elapsed_ms = milliseconds(started);
    let result = match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => StepResult::failure(error),
        Err(panic) => StepResult::failure(panicked(panic)),
    };
    entry(handler, step_uuid, elapsed_ms, result)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn entry(handler: &dyn StepHandler, step_uuid: String, execution_time_ms: u64, result: StepResult) -> ResultEntry {
    let metadata = match result.metadata.transpose() {
        Ok(metadata) => metadata,
        Err(invalid) => return failed(step_uuid, execution_time_ms, invalid_result("metadata", &invalid), None),
    };
    match result.outcome {
        Ok(Ok(text)) => {
            let (result, outcome) = if result.is_checkpoint {
                ("null".to_owned(), Some(ResultOutcome { kind: "checkpoint", document: text }))
            } else {
                let outcome = outcome_of(&text);
                if handler.capabilities().decides() && outcome.as_ref().is_none_or(|found| found.kind != "decision") {
                    return failed(step_uuid, execution_time_ms, no_decision(handler), metadata);
                }
                (text, outcome)
            };
            ResultEntry {
                step_uuid,
                success: true,
                execution_time_ms,
                metadata: metadata.unwrap_or_else(|| EMPTY_OBJECT.to_owned()),
                result: Some(result),
                outcome,
                error: None,
            }
        }
        Ok(Err(invalid)) => failed(step_uuid, execution_time_ms, invalid_result("result", &invalid), metadata),
        Err(error) => failed(step_uuid, execution_time_ms, error, metadata),
    }
}

fn failed(step_uuid: String, execution_time_ms: u64, error: HandlerError, metadata: Option<String>) -> ResultEntry {
    let failure = error.failure;
    let (context, invalid) = match failure.context.transpose() {
        Ok(context) => (context, None),
        // The failure itself matters more than the facts around it: it stays, and says what was left out.
        Err(invalid) => (None, Some(format!("the context was left out: {invalid}"))),
    };
    let error = ResultError {
        message: failure.message,
        error_type: failure.error_type,
        error_code: failure.error_code,
        retryable: failure.retryable,
        retry_after_s: failure.retry_after_s,
        backtrace: failure.backtrace.into_iter().chain(invalid).collect(),
        context: context.unwrap_or_else(|| EMPTY_OBJECT.to_owned()),
    };
    ResultEntry {
        step_uuid,
        success: false,
        execution_time_ms,
        metadata: metadata.unwrap_or_else(|| EMPTY_OBJECT.to_owned()),
        result: None,
        outcome: None,
        error: Some(error),
    }
}

/// What a result asks for beyond itself (PROTOCOL.md §3.1), however it was made. The text is looked through first, because
/// few results have one of the keys.
fn outcome_of(text: &str) -> Option<ResultOutcome> {
    let kinds = [("decision", "decision_point_outcome"), ("batches", "batch_processing_outcome")];
    let (kind, key) = kinds.into_iter().find(|(_, key)| text.contains(key))?;
    let value = parse_document(text).ok()?;
    let document = to_json_text(value.as_object()?.get(key)?).ok()?;
    Some(ResultOutcome { kind, document })
}

fn no_decision(handler: &dyn StepHandler) -> HandlerError {
    let message = format!(
        "{} is a decision, but its result has no `decision_point_outcome`: return `decision_success` or `skip_branches`.",
        handler.name()
    );
    HandlerError::permanent(message).with_error_code(INVALID_DECISION_OUTCOME)
}

fn not_found(callable: &str) -> HandlerError {
    HandlerError::new(format!("This library has no handler named {callable}."), "handler_not_found", Retry::No)
}

fn invalid_result(part: &str, invalid: &InvalidDocument) -> HandlerError {
    HandlerError::new(format!("The {part} of the handler is not storable: {invalid}."), "invalid_result", Retry::No)
}

fn panicked(panic: Panic) -> HandlerError {
    let place = panic.place.as_deref().unwrap_or("an unknown place");
    let message = format!("The handler panicked at {place}: {}", panic.message);
    let mut error = HandlerError::new(message, "handler_panic", Retry::No);
    error.failure.backtrace.extend(panic.place);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{function, handlers, json, plain_function};
    use std::time::Duration;

    fn run(callable: &str) -> ResultEntry {
        let registry = handlers![
            function("ok", |_| Ok(StepResult::success(json!({ "n": 1.0 })).with_metadata(json!({ "m": 1 })))),
            function("fail", |_| {
                let error = HandlerError::retryable("busy").with_error_code("BUSY").with_context(json!({ "a": 1 }));
                Err(error.with_retry_after(Duration::from_millis(4_200)))
            }),
            function("question_mark", |_| {
                let number: i32 = "x".parse()?;
                Ok(StepResult::success(number))
            }),
            function("panic", |_| panic!("lost")),
            function("nul", |_| Ok(StepResult::success("a\0"))),
            function("metadata", |_| Ok(StepResult::success(1).with_metadata(2))),
            function("context", |_| Err(HandlerError::permanent("no").with_context(1))),
            plain_function("plain", |context, _| context.get("x").cloned().ok_or_else(|| "no x".to_owned())),
        ];
        let handler = registry.find(callable).expect("a handler");
        let call = Arc::new(Call::detached(callable, Duration::from_secs(1)));
        run_step(handler, StepContext::new(Request::with_dependencies("{}".to_owned()), call))
    }

    fn error_of(callable: &str) -> ResultError {
        let entry = run(callable);
        assert!(!entry.success && entry.result.is_none());
        entry.error.expect("an error")
    }

    #[test]
    fn a_value_is_a_success() {
        let entry = run("ok");
        assert!(entry.success && entry.error.is_none());
        assert_eq!(entry.result.as_deref(), Some(r#"{"n":1.0}"#));
        assert_eq!(entry.metadata, r#"{"m":1}"#);
    }

    #[test]
    fn a_failure_keeps_all_it_says() {
        let error = error_of("fail");
        assert_eq!((error.message.as_str(), error.error_type.as_str()), ("busy", "retryable_error"));
        assert_eq!((error.error_code.as_deref(), error.retry_after_s), (Some("BUSY"), Some(5)));
        assert_eq!((error.retryable, error.context.as_str()), (true, r#"{"a":1}"#));
    }

    #[test]
    fn an_error_of_any_kind_may_be_tried_again() {
        let error = error_of("question_mark");
        assert_eq!((error.error_type.as_str(), error.retryable), ("handler_error", true));
        let plain = error_of("plain");
        assert_eq!((plain.message.as_str(), plain.retryable), ("no x", false));
    }

    #[test]
    fn a_panic_says_what_and_where() {
        let error = error_of("panic");
        assert_eq!((error.error_type.as_str(), error.retryable), ("handler_panic", false));
        assert!(error.message.contains("lost") && error.message.contains("executor.rs"), "{}", error.message);
        assert_eq!(error.backtrace.len(), 1);
    }

    #[test]
    fn what_cannot_be_stored_is_an_invalid_result() {
        assert_eq!(error_of("nul").error_type, "invalid_result");
        assert_eq!(error_of("metadata").error_type, "invalid_result");
        let context = error_of("context");
        assert_eq!((context.message.as_str(), context.context.as_str()), ("no", "{}"));
        assert_eq!(context.backtrace.len(), 1);
    }
}
