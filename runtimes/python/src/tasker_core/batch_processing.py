"""`tasker_core.batch_processing`: see `stephost.batchable_capable`."""

from stephost.aggregation import BatchAggregationResult, BatchAggregationScenario, aggregate_batch_results
from stephost.batch_processing_outcome import (
    BatchAnalyzerOutcome,
    CreateBatchesOutcome,
    NoBatchesOutcome,
    create_batches,
    no_batches,
)
from stephost.batch_worker_context import (
    BatchMetadata,
    BatchWorkerContext,
    BatchWorkerOutcome,
    FailureStrategy,
    RustBatchWorkerInputs,
)
from stephost.batchable_capable import Batchable
from stephost.cursors import BatchWorkerConfig, CursorConfig, RustCursorConfig

__all__ = [
    "BatchAggregationResult",
    "BatchAggregationScenario",
    "BatchAnalyzerOutcome",
    "BatchMetadata",
    "BatchWorkerConfig",
    "BatchWorkerContext",
    "BatchWorkerOutcome",
    "Batchable",
    "CreateBatchesOutcome",
    "CursorConfig",
    "FailureStrategy",
    "NoBatchesOutcome",
    "RustBatchWorkerInputs",
    "RustCursorConfig",
    "aggregate_batch_results",
    "create_batches",
    "no_batches",
]
