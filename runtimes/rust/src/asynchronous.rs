//! Handlers as futures: each runs on a thread of the host until it is done.

use std::future::Future;

use crate::row_batch::BatchLimits;
use crate::{HandlerCapabilities, HandlerError, StepContext, StepHandler, StepResult};

/// A step handler whose work is a future. It runs on one thread of the host, without a runtime: futures that need one
/// (tokio's timers and sockets) are given to a runtime of yours, with `handle.spawn(…)` or inside `handle.enter()`.
pub trait AsyncStepHandler: Send + Sync {
    /// The name that a template writes under `handler.callable`.
    fn name(&self) -> &str;

    /// Does the work of one step.
    fn call(&self, context: StepContext) -> impl Future<Output = Result<StepResult, HandlerError>> + Send;

    /// The handler's version.
    fn version(&self) -> &str {
        "1.0.0"
    }

    /// What the host compares with the type of the step.
    fn capabilities(&self) -> HandlerCapabilities {
        HandlerCapabilities::new()
    }
}

/// An [`AsyncStepHandler`] as a handler: `export_handlers![asynchronous(Fetch)]`.
pub fn asynchronous<H: AsyncStepHandler>(handler: H) -> Asynchronous<H> {
    Asynchronous { handler }
}

/// What [`asynchronous`] makes.
pub struct Asynchronous<H> {
    handler: H,
}

impl<H: AsyncStepHandler> StepHandler for Asynchronous<H> {
    fn name(&self) -> &str {
        self.handler.name()
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        pollster::block_on(self.handler.call(context.clone()))
    }

    fn version(&self) -> &str {
        self.handler.version()
    }

    fn capabilities(&self) -> HandlerCapabilities {
        self.handler.capabilities()
    }

    fn aliases(&self) -> Vec<String> {
        vec![std::any::type_name::<H>().to_owned()]
    }

    fn batch(&self) -> Option<BatchLimits> {
        None
    }
}

/// An async function as a handler: `async_function("fetch", fetch)`, with `async fn fetch(context: StepContext)`.
pub fn async_function<F, R>(name: impl Into<String>, call: F) -> impl StepHandler
where
    F: Fn(StepContext) -> R + Send + Sync,
    R: Future<Output = Result<StepResult, HandlerError>> + Send,
{
    crate::function(name, move |context: &StepContext| pollster::block_on(call(context.clone())))
}
