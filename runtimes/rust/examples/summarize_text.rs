//! Work and result apart: `process` counts, `process_results` says what the step stores of it.
use stephost_handler::{
    export_handlers, json, HandlerCapabilities, HandlerError, StepContext, StepHandler, StepResult, Value,
};

export_handlers![SummarizeText];

struct SummarizeText;

impl StepHandler for SummarizeText {
    fn name(&self) -> &str {
        "examples.summarize_text"
    }

    fn capabilities(&self) -> HandlerCapabilities {
        HandlerCapabilities::new().process_results()
    }

    fn process(&self, context: &StepContext) -> Result<Value, HandlerError> {
        Ok(json!(context.get_input::<String>("text")?.split_whitespace().count()))
    }

    fn process_results(&self, context: &StepContext, words: Value) -> Result<StepResult, HandlerError> {
        let characters = context.get_input::<String>("text")?.chars().count();
        let result = json!({ "words": words, "summary": format!("{words} words") });
        Ok(StepResult::success(result).with_metadata(json!({ "characters": characters })))
    }
}
