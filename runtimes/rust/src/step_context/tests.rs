//! What handlers read of a step, over documents as the host sends them.

use super::*;
use serde_json::json;

fn context(request: Request) -> StepContext {
    StepContext::new(request, Arc::new(Call::detached("charge", Duration::from_secs(60))))
}

fn request() -> Request {
    Request {
        step_uuid: "s1".to_owned(),
        task_uuid: "t1".to_owned(),
        correlation_id: "k1".to_owned(),
        step_name: "charge".to_owned(),
        attempts: 2,
        task: json!({ "task": { "context": { "amount": 5, "none": null } }, "namespace_name": "shop" }).to_string(),
        workflow_step: json!({
            "max_attempts": 3, "inputs": { "batch": 1 },
            "checkpoint": { "cursor": 7, "items_processed": 70, "accumulated_results": [1] }
        })
        .to_string(),
        dependency_results: json!({ "a": { "result": { "id": { "n": 9 } }, "success": true }, "b": 4 }).to_string(),
        step_definition: json!({ "handler": { "initialization": { "currency": "EUR" } } }).to_string(),
    }
}

#[test]
fn inputs_and_config_are_typed() {
    let context = context(request());
    assert_eq!(context.get_input::<u32>("amount").expect("an amount"), 5);
    assert_eq!(context.get_input::<Option<u32>>("absent").expect("nothing"), None);
    assert_eq!(context.get_input_or("absent", 1), 1);
    assert_eq!(context.get_input_or("none", 2), 2);
    assert_eq!(context.get_input_or("amount", "text".to_owned()), "text");
    assert_eq!(context.get_config::<String>("currency").expect("a currency"), "EUR");
    assert_eq!(context.step_inputs::<Value>().expect("inputs"), json!({ "batch": 1 }));
    assert_eq!(context.namespace_name().expect("a namespace"), "shop");
}

#[test]
fn the_whole_context_is_typed() {
    #[derive(serde::Deserialize)]
    struct Order {
        amount: u32,
    }
    assert_eq!(context(request()).inputs::<Order>().expect("an order").amount, 5);
    let wrong = context(request()).inputs::<Vec<u32>>().expect_err("no list").to_string();
    assert!(wrong.contains("the task context is not what the handler needs"), "{wrong}");
}

#[test]
fn without_a_host_no_checkpoint_is_stored() {
    let refused = context(request()).save_checkpoint(1, 1, None).expect_err("refused");
    assert_eq!((refused.failure.error_type.as_str(), refused.failure.retryable), ("checkpoint_not_stored", true));
}

#[test]
fn a_missing_or_wrong_input_is_a_permanent_failure_that_names_it() {
    let context = context(request());
    let missing = context.get_input::<u32>("absent").expect_err("missing");
    assert_eq!(
        (missing.to_string(), missing.failure.retryable),
        ("validation_error: input absent is missing".to_owned(), false)
    );
    let wrong = context.get_input::<String>("amount").expect_err("no text").to_string();
    assert!(wrong.contains("input amount is not what"), "{wrong}");
}

#[test]
fn dependencies_are_unwrapped() {
    let context = context(request());
    assert_eq!(context.get_dependency_field::<u32>("a", &["id", "n"]).expect("a field"), 9);
    assert_eq!(context.get_dependency_result::<u32>("b").expect("a bare value"), 4);
    assert!(context.get_dependency_result::<Value>("c").is_err());
    assert_eq!(context.get_dependency_step_names(), ["a", "b"]);
    assert!(context.has_dependency_result("a") && !context.has_dependency_result("c"));
}

#[test]
fn attempts_and_checkpoint() {
    let context = context(request());
    assert!(context.is_retry() && context.is_last_retry());
    assert_eq!((context.retry_count(), context.max_retries()), (2, 3));
    assert_eq!(context.checkpoint_cursor::<u32>(), Some(7));
    assert_eq!(context.checkpoint_items_processed(), 70);
    assert_eq!(context.accumulated_results::<Vec<u32>>(), Some(vec![1]));
}

#[test]
fn a_first_run_without_documents_has_the_defaults() {
    let empty = "{}".to_owned();
    let request = Request {
        attempts: 0,
        task: empty.clone(),
        workflow_step: empty.clone(),
        dependency_results: empty.clone(),
        step_definition: empty,
        ..request()
    };
    let context = context(request);
    assert!(!context.is_retry() && !context.is_last_retry() && !context.has_checkpoint());
    assert_eq!((context.max_retries(), context.checkpoint_items_processed()), (3, 0));
    assert!(context.get_config::<String>("currency").is_err());
}
