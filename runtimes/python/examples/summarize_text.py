"""Work and result apart: `process` counts, `process_results` says what the step stores of it."""

from stephost import StepContext, StepHandler, StepHandlerResult


class SummarizeText(StepHandler):
    handler_name = "examples.summarize_text"

    def process(self, context: StepContext) -> list[str]:
        text: str = context.get_input("text")
        return text.split()

    def process_results(self, context: StepContext, words: list[str]) -> StepHandlerResult:
        summary = {"words": len(words), "summary": f"{len(words)} words"}
        return self.success(summary, metadata={"characters": len(context.get_input("text"))})
