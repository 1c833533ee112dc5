"""The last step of a batch: brings together what the workers did, if there were any."""

from typing import Any

from stephost import Batchable, StepContext, StepHandler, StepHandlerResult


class MergeRows(StepHandler, Batchable):
    handler_name = "examples.merge_rows"

    def call(self, context: StepContext) -> StepHandlerResult:
        scenario = self.detect_aggregation_scenario(context.dependency_results, "split_rows", "process_rows_")
        return self.aggregate_batch_worker_results(scenario, zero_metrics={"total": 0}, aggregation_fn=_total)


def _total(batch_results: dict[str, Any]) -> dict[str, Any]:
    return {"total": sum(worker["results"]["sum"] for worker in batch_results.values())}
