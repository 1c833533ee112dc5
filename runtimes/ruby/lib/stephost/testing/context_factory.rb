# Contexts for tests, with the documents that a host would send.
require "json"
require "securerandom"

module Stephost
  module Testing
    module ContextFactory
      # @return [Types::StepContext]
      def self.build(
        context:, dependencies:, config:, inputs:, checkpoint:, attempts:,
        max_attempts: 3, step_name: "step", callable: "handler", namespace: "tests", task_name: "task"
      )
        ids = {"task_uuid" => SecureRandom.uuid, "step_uuid" => SecureRandom.uuid}
        documents = {
          "task" => {
            "task" => {"task_uuid" => ids["task_uuid"], "context" => context},
            "task_name" => task_name, "task_version" => "1.0.0", "namespace_name" => namespace
          },
          "workflow_step" => {
            "workflow_step_uuid" => ids["step_uuid"], "task_uuid" => ids["task_uuid"], "name" => step_name, "retryable" => true,
            "attempts" => attempts, "max_attempts" => max_attempts, "inputs" => inputs, "checkpoint" => checkpoint
          },
          "dependency_results" => dependencies.to_h { |name, result| [name.to_s, {"result" => result}] },
          "step_definition" => {
            "name" => step_name, "handler" => {"callable" => callable, "initialization" => config},
            "dependencies" => dependencies.keys.map(&:to_s)
          }
        }
        # Through JSON, as on the wire: symbols become strings, and what JSON cannot hold shows itself.
        Types::StepContext.new(ids.merge(documents.transform_values { |document| JSON.generate(document) }))
      end
    end
  end
end
