//! A handler as a function: it announces the step whose result it needs.
use stephost_handler::{export_handlers, function, json, HandlerError, StepContext, StepResult};

export_handlers![function("examples.reserve_stock", reserve_stock).with_depends_on(["price_order"])];

fn reserve_stock(context: &StepContext) -> Result<StepResult, HandlerError> {
    let warehouse: Option<String> = context.get_input("warehouse")?;
    let warehouse = warehouse.ok_or_else(|| HandlerError::permanent("the task names no `warehouse`"))?;
    let total_cents: u64 = context.get_dependency_field("price_order", &["total_cents"])?;
    Ok(StepResult::success(json!({ "warehouse": warehouse, "reserved_cents": total_cents })))
}
