"""Batches: an analyzer divides the work, workers do it, a last step brings it together. Source: handler-api §1.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import cursors
from .aggregation import BatchAggregationScenario, aggregate_batch_results
from .batch_processing_outcome import BatchAnalyzerOutcome, create_batches, no_batches
from .batch_worker_context import BatchWorkerContext, BatchWorkerOutcome, RustBatchWorkerInputs
from .cursors import BatchWorkerConfig, CursorConfig
from .handler_mistake import HandlerMistake
from .step_handler import StepHandler
from .step_result import StepHandlerResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .step_context import StepContext

Json = dict[str, Any]


class Batchable:
    """`class Split(StepHandler, Batchable)`. Wrong ranges raise HandlerMistake: they fail the step for good."""

    _capability = "batchable"

    # For analyzers.

    def create_cursor_config(
        self, start: int, end: int, step_size: int = 1, metadata: Json | None = None
    ) -> CursorConfig:
        """From `start` to `end` (exclusive)."""
        return CursorConfig(start, end, step_size, metadata or {})

    def create_cursor_ranges(
        self, total_items: int, batch_size: int, step_size: int = 1, max_batches: int | None = None
    ) -> list[CursorConfig]:
        """Batches of so many items; with `max_batches` larger ones, so that nothing is left out."""
        if max_batches is not None and total_items > batch_size * max_batches > 0:
            batch_size = -(-total_items // max_batches)
        return cursors.of_size(total_items, batch_size, step_size)

    def create_cursor_configs(self, total_items: int, worker_count: int) -> list[BatchWorkerConfig]:
        """Even shares with the ids "001" and on; fewer workers than asked for when some would have nothing."""
        return cursors.for_workers(total_items, worker_count)

    def create_batch_outcome(
        self, total_items: int, batch_size: int, step_size: int = 1, batch_metadata: Json | None = None
    ) -> BatchAnalyzerOutcome:
        ranges = self.create_cursor_ranges(total_items, batch_size, step_size)
        return BatchAnalyzerOutcome(ranges, total_items, batch_metadata or {})

    def create_batch_outcome_from_ranges(
        self,
        ranges: list[tuple[int, int]],
        step_size: int = 1,
        total_items: int | None = None,
        batch_metadata: Json | None = None,
    ) -> BatchAnalyzerOutcome:
        """`ranges` are pairs of start and end (exclusive)."""
        configs = [CursorConfig(start, end, step_size) for start, end in ranges]
        counted = sum(end - start for start, end in ranges)
        return BatchAnalyzerOutcome(configs, counted if total_items is None else total_items, batch_metadata or {})

    def batch_analyzer_success(
        self,
        outcome: BatchAnalyzerOutcome | None = None,
        metadata: Json | None = None,
        worker_template_name: str = "batch_worker",
        cursor_configs: list[Any] | None = None,
        total_items: int | None = None,
        batch_metadata: Json | None = None,
    ) -> StepHandlerResult:
        """One worker for each cursor of `outcome`, or of `cursor_configs` with `total_items`."""
        if outcome is None:
            if cursor_configs is None or total_items is None:
                raise HandlerMistake("batch_analyzer_success needs `outcome`, or `cursor_configs` with `total_items`")
            outcome = BatchAnalyzerOutcome(cursor_configs, total_items, batch_metadata or {})
        batches = create_batches(worker_template_name, outcome.cursor_configs, outcome.total_items)
        result = {
            "batch_processing_outcome": batches.to_dict(),
            "worker_count": batches.worker_count,
            "total_items": outcome.total_items,
        }
        about = batch_metadata or outcome.batch_metadata
        return StepHandlerResult.success(
            result | ({"batch_metadata": about} if about else {}), {"batch_analyzer": True, **(metadata or {})}
        )

    def no_batches_outcome(self, reason: str, metadata: Json | None = None) -> StepHandlerResult:
        """There is nothing to do."""
        result = {"batch_processing_outcome": no_batches().to_dict(), "reason": reason}
        return StepHandlerResult.success(result, {"batch_analyzer": True, **(metadata or {})})

    # For workers.

    def get_batch_context(self, context: StepContext) -> BatchWorkerContext | None:
        """None: the step is no batch worker."""
        return BatchWorkerContext.from_step_context(context)

    def create_batch_context(
        self,
        cursor_config: CursorConfig,
        batch_index: int,
        total_batches: int,
        batch_metadata: Json | None = None,
    ) -> BatchWorkerContext:
        about = batch_metadata or {}
        return BatchWorkerContext(cursors.batch_id(batch_index), cursor_config, batch_index, total_batches, about)

    def get_batch_worker_inputs(self, context: StepContext) -> RustBatchWorkerInputs | None:
        """What orchestration wrote; None: the step is no batch worker."""
        return RustBatchWorkerInputs.from_inputs(context.step_inputs)

    def handle_no_op_worker(self, context: StepContext) -> StepHandlerResult | None:
        """The result of a worker without work; None: there is some."""
        given = self.get_batch_worker_inputs(context)
        if given is None or not given.is_no_op:
            return None
        result = {"batch_id": given.cursor.batch_id, "no_op": True, "processed_count": 0}
        return StepHandlerResult.success(result, {"batch_worker": True, "no_op": True})

    def create_worker_outcome(
        self,
        items_processed: int,
        items_succeeded: int = 0,
        items_failed: int = 0,
        items_skipped: int = 0,
        results: Any = None,
        errors: list[Any] | None = None,
        last_cursor: Any = None,
        batch_metadata: Json | None = None,
    ) -> BatchWorkerOutcome:
        """Without `items_succeeded` all that were processed did."""
        succeeded = items_succeeded or items_processed
        counts = (items_processed, succeeded, items_failed, items_skipped)
        return BatchWorkerOutcome(*counts, results, errors, last_cursor, batch_metadata or {})

    def batch_worker_success(
        self,
        outcome: BatchWorkerOutcome | None = None,
        metadata: Json | None = None,
        items_processed: int | None = None,
        items_succeeded: int | None = None,
        items_failed: int = 0,
        items_skipped: int = 0,
        results: Any = None,
        errors: list[Any] | None = None,
        last_cursor: Any = None,
        batch_metadata: Json | None = None,
    ) -> StepHandlerResult:
        """For a worker that is done: `outcome`, or its figures."""
        if outcome is None:
            if items_processed is None:
                raise HandlerMistake("batch_worker_success needs `outcome` or `items_processed`")
            succeeded = items_processed if items_succeeded is None else items_succeeded
            counts = (items_processed, succeeded, items_failed, items_skipped)
            outcome = BatchWorkerOutcome(*counts, results, errors, last_cursor, batch_metadata or {})
        return StepHandlerResult.success(outcome.to_dict(), {"batch_worker": True, **(metadata or {})})

    def batch_worker_partial_failure(
        self, outcome: BatchWorkerOutcome, message: str | None = None, metadata: Json | None = None
    ) -> StepHandlerResult:
        """The step fails and may be tried again; its figures stand in the metadata."""
        text = message or f"{outcome.items_failed} of {outcome.items_processed} items failed"
        about = {"batch_worker_outcome": outcome.to_dict(), **(metadata or {})}
        return StepHandlerResult.failure(text, "batch_partial_failure", retryable=True, metadata=about)

    def checkpoint_yield(self, cursor: Any, items_processed: int, accumulated_results: Any = None) -> StepHandlerResult:
        """Ends this run, not the step: it runs on from `cursor`, in the same attempt."""
        return StepHandlerResult.checkpoint_yield(cursor, items_processed, accumulated_results)

    # For the step that brings them together.

    def detect_aggregation_scenario(
        self, dependency_results: Mapping[str, Any], batchable_step: str, batch_worker_prefix: str
    ) -> BatchAggregationScenario:
        return BatchAggregationScenario.detect(dependency_results, batchable_step, batch_worker_prefix)

    def no_batches_aggregation_result(self, zero_metrics: Json | None = None) -> StepHandlerResult:
        """`zero_metrics` are the figures that batches would have had."""
        return StepHandlerResult.success({"worker_count": 0, "scenario": "no_batches", **(zero_metrics or {})})

    def aggregate_batch_worker_results(
        self,
        scenario: BatchAggregationScenario,
        zero_metrics: Json | None = None,
        aggregation_fn: Callable[[dict[str, Any]], Json] | None = None,
    ) -> StepHandlerResult:
        """`aggregation_fn` makes figures of step name → what it returned; without it the counts are added up."""
        if scenario.is_no_batches:
            return self.no_batches_aggregation_result(zero_metrics)
        if aggregation_fn is None:
            figures = self.aggregate_worker_results(scenario.batch_results.values())
        else:
            figures = aggregation_fn(scenario.batch_results)
        about = {"worker_count": scenario.worker_count, "scenario": "with_batches"}
        return StepHandlerResult.success({**figures, **about})

    @staticmethod
    def aggregate_worker_results(worker_results: Iterable[Any]) -> Json:
        return aggregate_batch_results(worker_results).to_dict()


class BatchableHandler(StepHandler, Batchable):
    """Both in one class."""
