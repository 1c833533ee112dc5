//! What an author implements: the trait, and plain functions that count as handlers.

use std::collections::HashMap;

use serde_json::Value;

use crate::{HandlerError, StepContext, StepResult};

/// A step handler. One instance serves all steps of its name, from several threads at once.
pub trait StepHandler: Send + Sync {
    /// The name that a template writes under `handler.callable`.
    fn name(&self) -> &str;

    /// Does the work of one step.
    ///
    /// # Errors
    /// The failure of the step. A panic is one too: `handler_panic`, not retryable.
    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError>;

    /// The handler's version.
    fn version(&self) -> &str {
        "1.0.0"
    }

    /// Further names that reach the handler; by default the path of its type, such as `orders::ChargePayment`.
    fn aliases(&self) -> Vec<String> {
        vec![std::any::type_name::<Self>().to_owned()]
    }
}

/// A function as a handler: `function("charge_payment", |context| …)`.
pub fn function<F>(name: impl Into<String>, call: F) -> Function<F>
where
    F: Fn(&StepContext) -> Result<StepResult, HandlerError> + Send + Sync,
{
    Function { name: name.into(), call }
}

/// What [`function`] makes.
pub struct Function<F> {
    name: String,
    call: F,
}

impl<F> StepHandler for Function<F>
where
    F: Fn(&StepContext) -> Result<StepResult, HandlerError> + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        (self.call)(context)
    }

    fn aliases(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The form that Tasker's generator writes: task context and dependency results in, a value or a text out.
/// A text is a failure that is not retried.
pub fn plain_function<F>(name: impl Into<String>, call: F) -> PlainFunction<F>
where
    F: Fn(&Value, &HashMap<String, Value>) -> Result<Value, String> + Send + Sync,
{
    PlainFunction { name: name.into(), call }
}

/// What [`plain_function`] makes.
pub struct PlainFunction<F> {
    name: String,
    call: F,
}

impl<F> StepHandler for PlainFunction<F>
where
    F: Fn(&Value, &HashMap<String, Value>) -> Result<Value, String> + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        let dependencies = context.dependency_values()?;
        match (self.call)(context.task_context()?, &dependencies) {
            Ok(value) => Ok(StepResult::success(value)),
            Err(message) => Err(HandlerError::permanent(message)),
        }
    }

    fn aliases(&self) -> Vec<String> {
        Vec::new()
    }
}
