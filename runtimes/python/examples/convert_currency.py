"""Asks an HTTP service; its answer decides whether a failure is worth another try."""

from stephost import APIMixin, StepContext, StepHandler, StepHandlerResult


class ConvertCurrency(StepHandler, APIMixin):
    handler_name = "examples.convert_currency"

    def call(self, context: StepContext) -> StepHandlerResult:
        query = {name: context.get_input(name) for name in ("from", "to")}
        status = context.get_input("status")
        response = self.get(f"/status/{status}" if status else "/echo", params=query)
        if not response.ok:
            # 404 fails for good, 429 and 503 are tried again, after `Retry-After` if there is one.
            return self.api_failure(response)
        return self.api_success(response, {**response.body["query"], "status": response.status_code})
