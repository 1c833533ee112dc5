//! Charges the card of a validated order, at the same time as its stock is reserved.

use std::time::Duration;

use serde::Serialize;
use stephost_handler::{export_handlers, function, HandlerError, StepContext, StepResult};

export_handlers![function("shop.charge_card", charge_card)];

#[derive(Serialize)]
struct Payment {
    payment_id: String,
    provider: String,
    amount_cents: u64,
}

/// The card decides what happens: `tok_declined` fails for good, `tok_flaky` fails once, everything else is charged.
fn charge_card(context: &StepContext) -> Result<StepResult, HandlerError> {
    let card: String = context.get_input("card")?;
    let amount_cents: u64 = context.get_dependency_field("validate_order", &["total_cents"])?;
    match card.as_str() {
        "tok_declined" => Err(HandlerError::permanent("The card was declined").with_error_code("CARD_DECLINED")),
        "tok_flaky" if !context.is_retry() => {
            Err(HandlerError::retryable("The payment provider did not answer").with_retry_after(Duration::from_secs(1)))
        }
        _ => Ok(StepResult::success(Payment {
            // The step stays the same over all attempts, so the provider can tell a repeated charge from a second one.
            payment_id: format!("P-{}", &context.step_uuid()[..8]),
            provider: context.get_config("provider")?,
            amount_cents,
        })),
    }
}
