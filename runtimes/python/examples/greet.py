"""The smallest handler: reads a field of the task and returns a greeting."""

from stephost import StepContext, StepHandler, ValidationError


class Greet(StepHandler):
    handler_name = "examples.greet"

    def call(self, context: StepContext) -> dict[str, str]:
        name = (context.get_input("name") or "").strip()
        if not name:
            raise ValidationError("`name` is missing or blank", error_code="NAME_MISSING")
        return {"greeting": f"Hello, {name}!"}
