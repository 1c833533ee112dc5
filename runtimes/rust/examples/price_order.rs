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
        let net_cents = items.iter().map(price_cents).sum::<Result<u64, HandlerError>>()?;
        let tax_percent = context.get_config::<Option<u64>>("tax_percent")?.unwrap_or(0);
        let tax_cents = (net_cents * tax_percent + 50) / 100;
        let total_cents = net_cents + tax_cents;
        Ok(StepResult::success(json!({ "net_cents": net_cents, "tax_cents": tax_cents, "total_cents": total_cents })))
    }
}

fn price_cents(item: &Value) -> Result<u64, HandlerError> {
    match (item["quantity"].as_u64(), item["unit_price_cents"].as_u64()) {
        (Some(quantity), Some(unit_price_cents)) => Ok(quantity * unit_price_cents),
        _ => Err(HandlerError::validation(format!("an item has no quantity or no price: {item}"))),
    }
}
