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
mod cancellation;
mod errors;
mod executor;
mod json_text;
mod messages;
mod panic_wall;
mod registry;
mod step_context;
mod step_handler;
mod step_result;
mod value_reader;
#[cfg(test)]
mod vectors;
mod wire_value;

pub use cancellation::CancelReason;
pub use errors::{HandlerError, Retry};
pub use registry::Registry;
pub use serde_json::{json, Value};
pub use step_context::StepContext;
pub use step_handler::{function, plain_function, Function, PlainFunction, StepHandler};
pub use step_result::StepResult;
