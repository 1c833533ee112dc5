//! A decision: the amount says which people have to approve.
use stephost_handler::{
    export_handlers, json, DecisionCapable, HandlerCapabilities, HandlerError, StepContext, StepHandler, StepResult,
};

export_handlers![RouteApproval];

struct RouteApproval;

impl DecisionCapable for RouteApproval {}

impl StepHandler for RouteApproval {
    fn name(&self) -> &str {
        "examples.route_approval"
    }

    fn capabilities(&self) -> HandlerCapabilities {
        HandlerCapabilities::new().decision()
    }

    fn call(&self, context: &StepContext) -> Result<StepResult, HandlerError> {
        let amount_cents: u64 = context.get_input("amount_cents")?;
        let about = json!({ "amount_cents": amount_cents });
        match amount_cents {
            0..10_000 => Ok(self.skip_branches("below the limit", Some(about))),
            10_000..100_000 => self.decision_success(["manager_approval"], Some(about)),
            _ => self.decision_success(["manager_approval", "finance_approval"], Some(about)),
        }
    }
}
