"""What the workers of a batch came to, for the step that brings them together. Source of names: handler-api §1.2."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COUNTS = ("items_processed", "items_succeeded", "items_failed", "items_skipped")


@dataclass
class BatchAggregationScenario:
    """`batch_results`: worker's step name → what it returned. Without workers there were no batches."""

    is_no_batches: bool
    batchable_result: Any
    batch_results: dict[str, Any] = field(default_factory=dict)
    worker_count: int = 0

    @classmethod
    def detect(
        cls, dependency_results: Mapping[str, Any], batchable_step: str, batch_worker_prefix: str
    ) -> BatchAggregationScenario:
        """`dependency_results` as `context.dependency_results` has them."""
        workers = {
            name: unwrapped(value)
            for name, value in sorted(dependency_results.items())
            if name.startswith(batch_worker_prefix) and name != batchable_step
        }
        return cls(not workers, unwrapped(dependency_results.get(batchable_step)), workers, len(workers))


@dataclass
class BatchAggregationResult:
    """The counts of all workers together."""

    items_processed: int = 0
    items_succeeded: int = 0
    items_failed: int = 0
    items_skipped: int = 0
    worker_count: int = 0

    @property
    def success_rate(self) -> float:
        """From 0 to 1; 0 without items."""
        return self.items_succeeded / self.items_processed if self.items_processed else 0.0

    def to_dict(self) -> dict[str, Any]:
        counts = {name: getattr(self, name) for name in COUNTS}
        return {**counts, "worker_count": self.worker_count, "success_rate": self.success_rate}


def aggregate_batch_results(worker_results: Iterable[Any]) -> BatchAggregationResult:
    """Adds up the counts; a worker without a result adds nothing."""
    results = [result for result in worker_results if isinstance(result, dict)]
    sums = {name: sum(int(result.get(name) or 0) for result in results) for name in COUNTS}
    return BatchAggregationResult(**sums, worker_count=len(results))


def unwrapped(value: Any) -> Any:
    """What a step returned, out of all that is stored of it."""
    return value["result"] if isinstance(value, dict) and "result" in value else value
