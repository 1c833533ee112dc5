//! Step handlers in Rust for stephost: write a handler, export it, and build the crate as a `cdylib`.
//!
//! ```
//! use stephost_handler::{export_handlers, json, HandlerError, StepContext, StepHandler, StepResult};
//!
//! struct ChargePayment;
//!
//! impl StepHandler for ChargePayment {
//!     fn name(&self) -> &str {
//!         "charge_payment"
//!     }
//!
//!     fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
//!         let amount_cents: u64 = context.get_input("amount_cents")?;
//!         if amount_cents == 0 {
//!             return Err(HandlerError::permanent("there is nothing to charge").with_error_code("EMPTY_CHARGE"));
//!         }
//!         Ok(StepResult::success(json!({ "charged_cents": amount_cents })))
//!     }
//! }
//!
//! export_handlers![ChargePayment];
//! # fn main() {}
//! ```

pub mod abi;
mod aggregation;
mod api_capable;
mod asynchronous;
mod batch_worker_context;
mod batchable_capable;
mod call;
mod cancellation;
mod checkpoints;
mod cursors;
mod decision_capable;
mod errors;
mod executor;
mod handler_capabilities;
mod json_text;
mod logs;
mod messages;
mod panic_wall;
mod registry;
mod row_batch;
mod step_context;
mod step_handler;
mod step_result;
mod value_reader;
#[cfg(test)]
mod vectors;
mod wire_value;

pub use aggregation::BatchAggregationScenario;
pub use api_capable::{APICapable, ErrorClassification};
pub use asynchronous::{async_function, asynchronous, AsyncStepHandler, Asynchronous};
pub use batch_worker_context::{BatchMetadata, BatchWorkerContext, BatchWorkerInputs, FailureStrategy};
pub use batchable_capable::{BatchWorkerOutcome, BatchableCapable};
pub use cancellation::{CancelReason, CancellationToken};
pub use cursors::CursorConfig;
pub use decision_capable::DecisionCapable;
pub use errors::{HandlerError, Retry};
pub use handler_capabilities::HandlerCapabilities;
/// Lines that reach the host tagged with the step: `info!("charged {amount}")`, with fields `info!(amount; "charged")`.
/// They are the macros of the `log` crate, so lines of libraries that use it arrive too.
pub use log::{debug, error, info, trace, warn};
pub use registry::Registry;
pub use row_batch::{BatchLimits, BatchResults};
pub use serde_json::{json, Value};
pub use step_context::StepContext;
pub use step_handler::{function, plain_function, Function, PlainFunction, StepHandler};
pub use step_result::StepResult;
