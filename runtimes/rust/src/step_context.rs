//! What a handler sees of its step: inputs, dependency results, configuration, attempts, checkpoint, cancellation.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::Serialize;
use serde_json::Value;

use crate::call::Call;
use crate::checkpoints::checkpoint_document;
use crate::json_text::parse_document;
use crate::logs;
use crate::messages::Request;
use crate::value_reader::read;
use crate::{CancelReason, CancellationToken, HandlerError};

/// Attempts of a step whose template says nothing.
const MAX_RETRIES_DEFAULT: u32 = 3;

/// One step as its handler sees it. Documents are parsed when they are first looked at. A clone is the same step.
#[derive(Clone, Debug)]
pub struct StepContext {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    request: Request,
    call: Arc<Call>,
    task: OnceLock<Result<Value, String>>,
    workflow_step: OnceLock<Result<Value, String>>,
    dependency_results: OnceLock<Result<Value, String>>,
    step_definition: OnceLock<Result<Value, String>>,
}

impl StepContext {
    pub(crate) fn new(request: Request, call: Arc<Call>) -> Self {
        let inner = Inner {
            request,
            call,
            task: OnceLock::new(),
            workflow_step: OnceLock::new(),
            dependency_results: OnceLock::new(),
            step_definition: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The task's id.
    pub fn task_uuid(&self) -> &str {
        &self.inner.request.task_uuid
    }

    /// The step's id.
    pub fn step_uuid(&self) -> &str {
        &self.inner.request.step_uuid
    }

    /// The id that goes through all logs of a task.
    pub fn correlation_id(&self) -> &str {
        &self.inner.request.correlation_id
    }

    /// The step's name; for batch workers that of the instance.
    pub fn step_name(&self) -> &str {
        &self.inner.request.step_name
    }

    /// The callable that the template names.
    pub fn handler_name(&self) -> &str {
        &self.inner.call.callable
    }

    /// `handler.method` of the template; `None` is the ordinary `call`. A handler that has several looks here.
    pub fn method(&self) -> Option<&str> {
        self.inner.call.method.as_deref()
    }

    /// The namespace of the task.
    ///
    /// # Errors
    /// The document does not say.
    pub fn namespace_name(&self) -> Result<&str, HandlerError> {
        let name = self.task()?.get("namespace_name").and_then(Value::as_str);
        name.ok_or_else(|| HandlerError::validation("the task has no namespace_name"))
    }

    /// The whole context of the task.
    ///
    /// # Errors
    /// The task document cannot be read.
    pub fn task_context(&self) -> Result<&Value, HandlerError> {
        Ok(self.task()?.pointer("/task/context").unwrap_or(&Value::Null))
    }

    /// A field of the task context. A missing field is read as null, so an `Option` is `None` then.
    ///
    /// # Errors
    /// `validation_error`: the field is missing or not a `T`.
    pub fn get_input<T: DeserializeOwned + 'static>(&self, key: &str) -> Result<T, HandlerError> {
        read_at(self.task_context()?.get(key), || format!("input {key}"))
    }

    /// A field of the task context, or the default when it is missing, null or not a `T`.
    pub fn get_input_or<T: DeserializeOwned + 'static>(&self, key: &str, default: T) -> T {
        let value = self.task_context().ok().and_then(|context| context.get(key)).filter(|value| !value.is_null());
        value.and_then(|value| read(value).ok()).unwrap_or(default)
    }

    /// The inputs of this step itself (`workflow_step.inputs`): what batch workers are given.
    ///
    /// # Errors
    /// `validation_error`: they are missing or not a `T`.
    pub fn step_inputs<T: DeserializeOwned + 'static>(&self) -> Result<T, HandlerError> {
        read_at(self.workflow_step()?.get("inputs"), || "the step's inputs".to_owned())
    }

    /// A field of `handler.initialization` of the template.
    ///
    /// # Errors
    /// `validation_error`: the field is missing or not a `T`.
    pub fn get_config<T: DeserializeOwned + 'static>(&self, key: &str) -> Result<T, HandlerError> {
        let initialization = self.step_definition()?.pointer("/handler/initialization");
        read_at(initialization.and_then(|fields| fields.get(key)), || format!("config {key}"))
    }

    /// The result of a step that this one depends on, directly or not.
    ///
    /// # Errors
    /// `validation_error`: there is no such dependency, or its result is not a `T`.
    pub fn get_dependency_result<T: DeserializeOwned + 'static>(&self, step: &str) -> Result<T, HandlerError> {
        let stored = self.dependency(step)?;
        read_at(Some(unwrapped(stored)), || format!("the result of {step}"))
    }

    /// Tasker's name of [`get_dependency_result`](Self::get_dependency_result).
    ///
    /// # Errors
    /// The same.
    pub fn get_dependency_result_column_value<T: DeserializeOwned + 'static>(
        &self,
        step: &str,
    ) -> Result<T, HandlerError> {
        self.get_dependency_result(step)
    }

    /// A value inside the result of a dependency: `get_dependency_field("charge", &["card", "last_digits"])`.
    ///
    /// # Errors
    /// `validation_error`: the dependency or the field is missing, or it is not a `T`.
    pub fn get_dependency_field<T: DeserializeOwned + 'static>(
        &self,
        step: &str,
        path: &[&str],
    ) -> Result<T, HandlerError> {
        let result = unwrapped(self.dependency(step)?);
        let field = path.iter().try_fold(result, |value, key| value.get(key));
        read_at(field, || format!("the field {} of the result of {step}", path.join(".")))
    }

    /// Whether this step has the result of such a dependency.
    pub fn has_dependency_result(&self, step: &str) -> bool {
        self.dependency(step).is_ok()
    }

    /// The names of all dependencies whose results are here.
    pub fn get_dependency_step_names(&self) -> Vec<&str> {
        let results = self.dependency_results().ok().and_then(Value::as_object);
        results.map_or_else(Vec::new, |results| results.keys().map(String::as_str).collect())
    }

    /// Runs before this one: 0 on the first.
    pub fn retry_count(&self) -> u32 {
        self.inner.request.attempts
    }

    /// Attempts that the template allows, the first included.
    pub fn max_retries(&self) -> u32 {
        let allowed = self.workflow_step().ok().and_then(|step| step.get("max_attempts")).and_then(Value::as_u64);
        allowed.and_then(|allowed| u32::try_from(allowed).ok()).unwrap_or(MAX_RETRIES_DEFAULT)
    }

    /// Whether the step has run before.
    pub fn is_retry(&self) -> bool {
        self.retry_count() > 0
    }

    /// Whether a failure of this run is final.
    pub fn is_last_retry(&self) -> bool {
        self.retry_count().saturating_add(1) >= self.max_retries()
    }

    /// The checkpoint of an earlier run.
    pub fn checkpoint(&self) -> Option<&Value> {
        self.workflow_step().ok()?.get("checkpoint").filter(|checkpoint| !checkpoint.is_null())
    }

    /// Whether an earlier run left a checkpoint.
    pub fn has_checkpoint(&self) -> bool {
        self.checkpoint().is_some()
    }

    /// Where an earlier run stopped.
    pub fn checkpoint_cursor<T: DeserializeOwned + 'static>(&self) -> Option<T> {
        read(self.checkpoint()?.get("cursor")?).ok()
    }

    /// Items that earlier runs have done.
    pub fn checkpoint_items_processed(&self) -> u64 {
        self.checkpoint().and_then(|checkpoint| checkpoint.get("items_processed")).and_then(Value::as_u64).unwrap_or(0)
    }

    /// What earlier runs have gathered.
    pub fn accumulated_results<T: DeserializeOwned + 'static>(&self) -> Option<T> {
        read(self.checkpoint()?.get("accumulated_results")?).ok()
    }

    /// The whole context of the task as a type of yours: `#[derive(Deserialize)]`, unknown fields ignored.
    ///
    /// # Errors
    /// `validation_error`: the context is not a `T`; the message names the field.
    pub fn inputs<T: DeserializeOwned + 'static>(&self) -> Result<T, HandlerError> {
        read_at(Some(self.task_context()?), || "the task context".to_owned())
    }

    /// Stores how far the work is, and blocks until that is done: a later run of this step finds it in
    /// [`checkpoint_cursor`](Self::checkpoint_cursor) and its kin. `StepResult::checkpoint_yield` also ends this run.
    ///
    /// # Errors
    /// `checkpoint_not_stored`, retryable: the step is no longer this worker's, or the document cannot be stored.
    pub fn save_checkpoint(
        &self,
        cursor: impl Serialize,
        items_processed: u64,
        accumulated_results: Option<&Value>,
    ) -> Result<(), HandlerError> {
        let data = checkpoint_document(&cursor, items_processed, accumulated_results);
        self.inner.call.save_checkpoint(self.step_uuid(), data)
    }

    /// Runs `work` on this thread as part of the step, so that its log lines are tagged with it. Handlers need it only in
    /// threads that they start.
    pub fn in_step<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = logs::enter_step(self.inner.call.host, self.step_uuid());
        work()
    }

    /// The cancellation of this call, to hand to other threads and futures.
    pub fn cancellation(&self) -> CancellationToken {
        CancellationToken::new(Arc::clone(&self.inner.call.cancellation))
    }

    /// Whether the host asks the handler to stop. Look at it between pieces of work: a thread cannot be stopped from outside.
    pub fn is_cancelled(&self) -> bool {
        self.inner.call.cancellation.reason().is_some()
    }

    /// Why the host asks; `None` while it does not.
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.inner.call.cancellation.reason()
    }

    /// When the host will ask the handler to stop.
    pub fn deadline(&self) -> Instant {
        self.inner.call.cancellation.deadline()
    }

    /// Time left until the deadline; zero when it has passed.
    pub fn time_left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    pub(crate) fn dependency_values(&self) -> Result<HashMap<String, Value>, HandlerError> {
        let results = self.dependency_results()?.as_object();
        let values = results.into_iter().flatten().map(|(step, stored)| (step.clone(), unwrapped(stored).clone()));
        Ok(values.collect())
    }

    fn dependency(&self, step: &str) -> Result<&Value, HandlerError> {
        let stored = self.dependency_results()?.get(step);
        stored.ok_or_else(|| HandlerError::validation(format!("there is no result of a dependency named {step}")))
    }

    fn task(&self) -> Result<&Value, HandlerError> {
        parsed(&self.inner.task, &self.inner.request.task, "task")
    }

    fn workflow_step(&self) -> Result<&Value, HandlerError> {
        parsed(&self.inner.workflow_step, &self.inner.request.workflow_step, "workflow_step")
    }

    fn dependency_results(&self) -> Result<&Value, HandlerError> {
        parsed(&self.inner.dependency_results, &self.inner.request.dependency_results, "dependency_results")
    }

    fn step_definition(&self) -> Result<&Value, HandlerError> {
        parsed(&self.inner.step_definition, &self.inner.request.step_definition, "step_definition")
    }
}

fn parsed<'a>(cell: &'a OnceLock<Result<Value, String>>, text: &str, name: &str) -> Result<&'a Value, HandlerError> {
    let document = cell.get_or_init(|| parse_document(text).map_err(|error| error.to_string()));
    document.as_ref().map_err(|error| HandlerError::validation(format!("the document {name} is not readable: {error}")))
}

/// A stored result is an envelope around the handler's value; what is none is the value itself.
fn unwrapped(stored: &Value) -> &Value {
    stored.as_object().and_then(|envelope| envelope.get("result")).unwrap_or(stored)
}

fn read_at<T: DeserializeOwned + 'static>(value: Option<&Value>, what: impl Fn() -> String) -> Result<T, HandlerError> {
    read(value.unwrap_or(&Value::Null)).map_err(|error| match value {
        None => HandlerError::validation(format!("{} is missing", what())),
        Some(_) => HandlerError::validation(format!("{} is not what the handler needs: {error}", what())),
    })
}

#[cfg(test)]
mod tests;
