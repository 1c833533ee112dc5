# The last step of a batch: brings together what the workers did, if there were any.
require "stephost"

class MergeRows < Stephost::StepHandler::Base
  include Stephost::StepHandler::Mixins::Batchable

  def handler_name = "examples.merge_rows"

  def call(context)
    scenario = detect_aggregation_scenario(context.dependency_results, "split_rows", "process_rows_")
    aggregate_batch_worker_results(scenario, zero_metrics: {total: 0}) do |batch_results|
      {total: batch_results.values.sum { |worker| worker["results"]["sum"] }}
    end
  end
end
