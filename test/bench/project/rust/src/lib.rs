//! Does nothing and returns 64 bytes; the number in them tells whether an invocation's result was lost.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use stephost_handler::{export_handlers, function, HandlerError, StepContext, StepResult};

export_handlers![function("bench.noop_rust", noop)];

static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

#[derive(Serialize)]
struct Nothing {
    guest: String,
    n: String,
    fill: &'static str,
}

fn noop(_context: &StepContext) -> Result<StepResult, HandlerError> {
    Ok(StepResult::success(Nothing {
        guest: format!("{:08x}", std::process::id()),
        n: format!("{:08}", INVOCATIONS.fetch_add(1, Ordering::Relaxed) + 1),
        fill: "...................",
    }))
}
