# Batches: an analyzer divides the work, workers do it, a last step brings it together. Source: handler-api §1.1.
require_relative "aggregation"
require_relative "batch_processing_outcome"
require_relative "batch_worker_context"
require_relative "cursors"
require_relative "step_handler"

module Stephost
  module StepHandler
    module Mixins
      # `include TaskerCore::StepHandler::Mixins::Batchable`
      module Batchable
        def capabilities
          [*super, "batchable"]
        end

        # @return [BatchProcessing::BatchWorkerContext]
        # @raise [ArgumentError] the step is no batch worker
        def get_batch_context(context)
          BatchProcessing::BatchWorkerContext.from_step_data(context)
        end

        # @return [Array<Hash{String => Object}>] see Cursors.for_workers; a block may add to each cursor, given with its index
        # @raise [ArgumentError]
        def create_cursor_configs(total_items, worker_count)
          cursors = Cursors.for_workers(total_items, worker_count)
          cursors.each_with_index { |cursor, index| yield cursor, index } if block_given?
          cursors
        end

        # For the analyzer: there is nothing to do.
        # @param metadata [Hash] beside the outcome in the step's result
        def no_batches_outcome(reason:, metadata: {})
          outcome = Types::BatchProcessingOutcome.no_batches
          success(result: {batch_processing_outcome: outcome.to_h, reason: reason, **metadata}, metadata: analyzed(outcome))
        end

        # For the analyzer: one worker for each cursor.
        # @raise [Errors::PermanentError] INVALID_BATCH_OUTCOME
        def create_batches_outcome(worker_template_name:, cursor_configs:, total_items:, metadata: {})
          outcome = Types::BatchProcessingOutcome.create_batches(
            worker_template_name: worker_template_name, cursor_configs: cursor_configs, total_items: total_items
          )
          counts = {worker_count: outcome.worker_count, total_items: total_items}
          success(result: {batch_processing_outcome: outcome.to_h, **counts, **metadata}, metadata: analyzed(outcome))
        end

        # For a worker that is done.
        # @param metadata [Hash] beside the counts in the step's result
        def batch_worker_success(
          items_processed:, items_succeeded:, items_failed: 0, items_skipped: 0,
          last_cursor: nil, results: nil, errors: nil, metadata: {}
        )
          counts = {
            items_processed: items_processed, items_succeeded: items_succeeded,
            items_failed: items_failed, items_skipped: items_skipped
          }
          about = {last_cursor: last_cursor, results: results, errors: errors}.compact
          success(result: {**counts, **about, **metadata}, metadata: {batch_worker: true})
        end

        # @param batch_context [BatchProcessing::BatchWorkerContext]
        # @return [Types::StepHandlerCallResult::Success, nil] nil: there is work to do
        def handle_no_op_worker(batch_context)
          return unless batch_context.no_op?

          result = {batch_id: batch_context.batch_id, no_op: true, processed_count: 0}
          success(result: result, metadata: {batch_worker: true, no_op: true})
        end

        # @return [BatchProcessing::BatchAggregationScenario]
        def detect_aggregation_scenario(dependency_results, analyzer_step, worker_prefix)
          BatchProcessing::BatchAggregationScenario.detect(dependency_results, analyzer_step, worker_prefix)
        end

        # @param sequence [Models::DependencyResultsWrapper]
        # @return [Object, nil] what the step returned, or what lies below the keys in it
        def get_dependency_result(sequence, step, *keys)
          keys.reduce(sequence.get_results(step)) { |value, key| value[key.to_s] if value.is_a?(Hash) }
        end

        # @param metadata [Hash] zeroes for the figures that batches would have had
        def no_batches_aggregation_result(metadata: {})
          success(result: {worker_count: 0, scenario: "no_batches", **metadata})
        end

        # @param scenario [BatchProcessing::BatchAggregationScenario]
        # @yieldparam batch_results [Hash{String => Object}] worker's step name → what it returned
        # @yieldreturn [Hash] the figures of all of them
        def aggregate_batch_worker_results(scenario, zero_metrics: {})
          return no_batches_aggregation_result(metadata: zero_metrics) if scenario.no_batches?

          figures = block_given? ? yield(scenario.batch_results) : {}
          success(result: {**figures, worker_count: scenario.worker_count, scenario: "with_batches"})
        end

        private

        def analyzed(outcome)
          {batchable: true, outcome_type: outcome.type, processed_at: Time.now.utc.iso8601, processed_by: handler_name}
        end
      end
    end

    # The class from before mixins.
    class Batchable < Base
      include Mixins::Batchable
    end
  end
end
