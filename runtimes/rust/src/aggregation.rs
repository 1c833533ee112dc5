//! Gathering: what a step that waits for all batch workers finds.

use serde_json::Value;

use crate::{HandlerError, StepContext};

/// What the analyzer and its workers left.
#[derive(Debug, PartialEq)]
pub enum BatchAggregationScenario {
    /// The analyzer made no batches; its result.
    NoBatches(Value),
    /// The results of the workers, by step name.
    WithBatches(Vec<(String, Value)>),
}

impl BatchAggregationScenario {
    /// `analyzer` is the name of the analyzer's step; workers are the dependencies whose names begin with `prefix`.
    ///
    /// # Errors
    /// `validation_error`: there is no worker, and the analyzer did not say `no_batches`; a result cannot be read.
    pub fn detect(context: &StepContext, analyzer: &str, prefix: &str) -> Result<Self, HandlerError> {
        let found: Value = context.get_dependency_result(analyzer)?;
        if found.pointer("/batch_processing_outcome/type").and_then(Value::as_str) == Some("no_batches") {
            return Ok(Self::NoBatches(found));
        }
        let names = context.get_dependency_step_names();
        let workers = names.into_iter().filter(|name| name.starts_with(prefix) && *name != analyzer);
        let results = workers
            .map(|name| Ok((name.to_owned(), context.get_dependency_result(name)?)))
            .collect::<Result<Vec<_>, HandlerError>>()?;
        if results.is_empty() {
            let message = format!("no step begins with {prefix}, and {analyzer} did not say that there are no batches");
            return Err(HandlerError::validation(message));
        }
        Ok(Self::WithBatches(results))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::messages::Request;
    use serde_json::json;
    use std::sync::Arc;
    use std::time::Duration;

    fn detect(results: &Value) -> Result<BatchAggregationScenario, HandlerError> {
        let request = Request::with_dependencies(results.to_string());
        let context = StepContext::new(request, Arc::new(Call::detached("gather", Duration::from_secs(1))));
        BatchAggregationScenario::detect(&context, "analyze", "work_")
    }

    #[test]
    fn workers_none_or_a_mistake() {
        let none = json!({ "batch_processing_outcome": { "type": "no_batches" } });
        let found = detect(&json!({ "analyze": { "result": none } })).expect("none");
        assert_eq!(found, BatchAggregationScenario::NoBatches(none));
        let made = json!({ "analyze": { "result": 1 }, "work_001": { "result": 2 }, "other": { "result": 3 } });
        let with = BatchAggregationScenario::WithBatches(vec![("work_001".to_owned(), json!(2))]);
        assert_eq!(detect(&made).expect("workers"), with);
        assert!(detect(&json!({ "analyze": { "result": 1 } })).is_err());
        assert!(detect(&json!({})).is_err());
    }
}
