# What the workers of a batch came to, for the step that brings them together. Source: handler-api §1.1.
module Stephost
  module BatchProcessing
    class BatchAggregationScenario
      # @return [Object] what the analyzer returned
      attr_reader :batchable_result
      # @return [Hash{String => Object}] worker's step name → what it returned
      attr_reader :batch_results

      # @param dependency_results [Models::DependencyResultsWrapper]
      # @param worker_prefix [String, Symbol] with which the names of the workers' steps begin
      def self.detect(dependency_results, analyzer_step, worker_prefix)
        workers = dependency_results.keys.select { |name| name.start_with?(worker_prefix.to_s) && name != analyzer_step.to_s }
        new(
          dependency_results.get_results(analyzer_step),
          workers.sort.to_h { |name| [name, dependency_results.get_results(name)] }
        )
      end

      def initialize(batchable_result, batch_results)
        @batchable_result = batchable_result
        @batch_results = batch_results
      end

      # Also when the analyzer asked for workers and none has a result.
      def no_batches?
        batch_results.empty?
      end

      def with_batches?
        !no_batches?
      end

      def worker_count
        batch_results.size
      end
    end
  end
end
