//! Adds up an order; the tax comes from `initialization` in the template.
use stephost_handler::{export_handlers, json, HandlerError, StepContext, StepHandler, StepResult, Value};

export_handlers![PriceOrder];

struct PriceOrder;

impl StepHandler for PriceOrder {
    fn name(&self) -> &str {
        "examples.price_order"
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        let items: Vec<Value> = context.get_input_or("items", Vec::new());
        if items.is_empty() {
            return Err(HandlerError::validation("the order has no items").with_error_code("NO_ITEMS"));
        }
        let mut net_cents = 0_u64;
        for item in &items {
            net_cents = net_cents.checked_add(price_cents(item)?).ok_or_else(too_large)?;
        }
        let tax_percent = context.get_config::<Option<u64>>("tax_percent")?.unwrap_or(0);
        let hundredths =
            net_cents.checked_mul(tax_percent).and_then(|tax| tax.checked_add(50)).ok_or_else(too_large)?;
        let tax_cents = hundredths / 100;
        let total_cents = net_cents.checked_add(tax_cents).ok_or_else(too_large)?;
        Ok(StepResult::success(json!({ "net_cents": net_cents, "tax_cents": tax_cents, "total_cents": total_cents })))
    }
}

fn price_cents(item: &Value) -> Result<u64, HandlerError> {
    match (item["quantity"].as_u64(), item["unit_price_cents"].as_u64()) {
        (Some(quantity), Some(unit_price_cents)) => quantity.checked_mul(unit_price_cents).ok_or_else(too_large),
        _ => Err(HandlerError::validation(format!("an item has no quantity or no price: {item}"))),
    }
}

/// Without the checks, a release build would go on with what is left of such a number.
fn too_large() -> HandlerError {
    HandlerError::validation("the order is too large to be counted in cents").with_error_code("TOO_LARGE")
}
