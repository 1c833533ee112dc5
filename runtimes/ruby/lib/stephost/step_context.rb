# All that a handler may read: task, step, dependency results, configuration. Source of names: handler-api §1.1.
require_relative "cancellation"
require_relative "json_text"
require_relative "models"

module Stephost
  module Types
    class StepContext
      MAX_ATTEMPTS_DEFAULT = 3

      attr_reader :task, :workflow_step, :dependency_results, :step_definition

      # @param request [Hash] a request of the wire: four of its fields are JSON documents
      def self.from_request(request, cancellation: Cancellation.new)
        documents = %w[task workflow_step dependency_results step_definition].to_h do |name|
          [name, JsonText.parse(request.fetch(name))]
        end
        new(documents, cancellation: cancellation)
      end

      # @param documents [Hash] Tasker's task_sequence_step: the four documents by name
      def initialize(documents, cancellation: Cancellation.new)
        documents = IndifferentHash.wrap(documents)
        @task = Models::TaskWrapper.new(documents["task"])
        @workflow_step = Models::WorkflowStepWrapper.new(documents["workflow_step"])
        @dependency_results = Models::DependencyResultsWrapper.new(documents["dependency_results"])
        @step_definition = Models::StepDefinitionWrapper.new(documents["step_definition"])
        @cancellation = cancellation
      end

      # True once the host wants the handler to stop: the deadline passed, the host stops, or it lost the step.
      def cancelled?
        @cancellation.cancelled?
      end

      def handler_name
        step_definition.handler.callable
      end

      def task_uuid
        task.task_uuid
      end

      def step_uuid
        workflow_step.workflow_step_uuid
      end

      def step_name
        workflow_step.name
      end

      def namespace_name
        task.namespace_name
      end

      def context
        task.context
      end

      # The step's own inputs, not the task context (unlike Python and TypeScript).
      def input_data
        workflow_step.inputs
      end
      alias_method :step_inputs, :input_data

      def step_config
        step_definition.handler.initialization
      end

      def get_config(key)
        step_config[key.to_s]
      end

      def get_task_field(key)
        context[key.to_s]
      end
      alias_method :get_input, :get_task_field

      # The default replaces an explicit null too.
      def get_input_or(key, default = nil)
        value = get_input(key)
        value.nil? ? default : value
      end

      # @return [Object, nil] what the ancestor step returned
      def get_dependency_result(step_name)
        dependency_results.get_results(step_name.to_s)
      end

      # @param path [Array<String, Symbol, Integer>] integers reach into arrays
      def get_dependency_field(step_name, *path)
        path.reduce(get_dependency_result(step_name)) do |value, key|
          case value
          when Hash then value[key.to_s]
          when Array then key.is_a?(Integer) ? value[key] : nil
          end
        end
      end

      def retryable?
        workflow_step.retryable != false
      end

      # Attempts before this run: 0 on the first.
      def retry_count
        workflow_step.attempts || 0
      end

      def max_retries
        workflow_step.max_attempts || MAX_ATTEMPTS_DEFAULT
      end

      def is_retry?
        retry_count.positive?
      end

      def is_last_retry?
        retry_count >= max_retries - 1
      end

      def checkpoint
        workflow_step.checkpoint
      end

      def has_checkpoint?
        !checkpoint.nil?
      end

      def checkpoint_cursor
        checkpoint && checkpoint["cursor"]
      end

      def checkpoint_items_processed
        (checkpoint && checkpoint["items_processed"]) || 0
      end

      def accumulated_results
        checkpoint && checkpoint["accumulated_results"]
      end
    end
  end
end
