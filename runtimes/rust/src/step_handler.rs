//! What an author implements: the trait, and plain functions that count as handlers.

use std::collections::HashMap;

use serde_json::Value;

use crate::row_batch::{self, BatchLimits, BatchResults};
use crate::{HandlerCapabilities, HandlerError, Retry, StepContext, StepResult};

/// A step handler. One instance serves all steps of its name, from several threads at once.
pub trait StepHandler: Send + Sync {
    /// The name that a template writes under `handler.callable`.
    fn name(&self) -> &str;

    /// Does the work of one step. Instead of it a handler may have [`process`](Self::process), with
    /// [`process_results`](Self::process_results), or [`process_batch`](Self::process_batch).
    ///
    /// # Errors
    /// The failure of the step. A panic is one too: `handler_panic`, not retryable.
    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        if self.batch().is_some() {
            let results = self.process_batch(std::slice::from_ref(context))?;
            return row_batch::only(self.name(), results);
        }
        let output = self.process(context)?;
        self.process_results(context, output)
    }

    /// The work, without what the workflow makes of it.
    ///
    /// # Errors
    /// The failure of the step; `process_results` does not see it.
    fn process(&self, _context: &StepContext) -> Result<Value, HandlerError> {
        let message = format!("{} implements neither `call` nor `process`.", self.name());
        Err(HandlerError::new(message, "configuration_error", Retry::No))
    }

    /// The result of the step, made of the output of [`process`](Self::process); by default the output itself.
    ///
    /// # Errors
    /// The failure of the step.
    fn process_results(&self, _context: &StepContext, output: Value) -> Result<StepResult, HandlerError> {
        Ok(StepResult::success(output))
    }

    /// Does the work of several steps, when [`batch`](Self::batch) says that it can: a result for each, in the order of the
    /// contexts.
    ///
    /// # Errors
    /// The code itself failed: the steps are run one by one.
    fn process_batch(&self, _contexts: &[StepContext]) -> Result<BatchResults, HandlerError> {
        let message = format!("{} has batch limits and no `process_batch`.", self.name());
        Err(HandlerError::new(message, "configuration_error", Retry::No))
    }

    /// How many steps [`process_batch`](Self::process_batch) takes; `None`: it takes none.
    fn batch(&self) -> Option<BatchLimits> {
        None
    }

    /// What the host compares with the type of the step.
    fn capabilities(&self) -> HandlerCapabilities {
        HandlerCapabilities::new()
    }

    /// Steps whose results the handler needs; the host looks for them in the template.
    fn depends_on(&self) -> Vec<String> {
        Vec::new()
    }

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
    Function { name: name.into(), call, capabilities: HandlerCapabilities::new(), depends_on: Vec::new() }
}

/// What [`function`] makes.
pub struct Function<F> {
    name: String,
    call: F,
    capabilities: HandlerCapabilities,
    depends_on: Vec<String>,
}

impl<F> Function<F> {
    /// Announces what the function can do.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: HandlerCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Names the steps whose results the function needs.
    #[must_use]
    pub fn with_depends_on(mut self, steps: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.depends_on = steps.into_iter().map(Into::into).collect();
        self
    }
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

    fn capabilities(&self) -> HandlerCapabilities {
        self.capabilities
    }

    fn depends_on(&self) -> Vec<String> {
        self.depends_on.clone()
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
