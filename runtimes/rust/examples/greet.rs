//! The smallest handler: reads a field of the task and returns a greeting.
use stephost_handler::{export_handlers, json, HandlerError, StepContext, StepHandler, StepResult};

export_handlers![Greet];

struct Greet;

impl StepHandler for Greet {
    fn name(&self) -> &str {
        "examples.greet"
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        let name: Option<String> = context.get_input("name")?;
        match name.as_deref().map(str::trim) {
            None | Some("") => {
                Err(HandlerError::validation("`name` is missing or blank").with_error_code("NAME_MISSING"))
            }
            Some(name) => Ok(StepResult::success(json!({ "greeting": format!("Hello, {name}!") }))),
        }
    }
}
