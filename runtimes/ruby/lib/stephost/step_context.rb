# All that a handler may read: task, step, dependency results, configuration. Source of names: handler-api §1.1.
require_relative "cancellation"
require_relative "json_text"
require_relative "models"
require_relative "stored_checkpoint"

module Stephost
  module Types
    class StepContext
      include StoredCheckpoint

      MAX_ATTEMPTS_DEFAULT = 3

      # @return [String, nil] W3C Trace Context of the call
      attr_reader :traceparent
      # @return [Array<IndifferentHash>] what `checkpoint!` was given where no host is there to store it: in tests of handlers
      attr_reader :recorded_checkpoints

      # @param request [Hash] a request of the wire: four of its fields are JSON documents, parsed when they are asked for
      # @param call [Call]
      def self.from_request(request, call)
        new(
          request, cancellation: call.cancellation, deadline_at: call.deadline_at, traceparent: call.traceparent, call: call
        )
      end

      # @param documents [Hash] Tasker's task_sequence_step: the four documents by name, or their texts
      # @param deadline_at [Float, nil] seconds of the monotonic clock
      def initialize(documents, cancellation: Cancellation.new, deadline_at: nil, traceparent: nil, call: nil)
        @documents = documents
        @cancellation = cancellation
        @deadline_at = deadline_at
        @traceparent = traceparent
        @call = call
        @recorded_checkpoints = []
      end

      def task
        @task ||= Models::TaskWrapper.new(document("task"))
      end

      def workflow_step
        @workflow_step ||= Models::WorkflowStepWrapper.new(document("workflow_step"))
      end

      def dependency_results
        @dependency_results ||= Models::DependencyResultsWrapper.new(document("dependency_results"))
      end

      def step_definition
        @step_definition ||= Models::StepDefinitionWrapper.new(document("step_definition"))
      end

      # True once the host wants the handler to stop: the deadline passed, the host stops, or it lost the step.
      def cancelled?
        @cancellation.cancelled?
      end

      # @return [Float] seconds until the host wants the handler to stop; negative when that is over, infinite without a host
      def deadline
        @deadline_at ? @deadline_at - Process.clock_gettime(Process::CLOCK_MONOTONIC) : Float::INFINITY
      end

      # @return [Logger] its records carry level, fields and this step
      def logger
        Stephost.logger
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

      # Returns when the host has stored it; a later run of this step begins with it.
      # @raise [Errors::CheckpointNotStored] with the host's reason
      def checkpoint!(cursor:, items_processed:, accumulated_results: nil)
        data = {cursor: cursor, items_processed: items_processed, accumulated_results: accumulated_results}
        data.delete(:accumulated_results) if accumulated_results.nil?
        text = JsonText.write(data, root: "checkpoint")
        @call ? @call.checkpoints.save(@documents["step_uuid"], text) : @recorded_checkpoints << JsonText.parse(text)
        nil
      rescue JsonText::Unwritable => error
        raise Errors::CheckpointNotStored, "The checkpoint has no JSON form: #{error.message}"
      end

      # What the step had when this run of it began.
      def checkpoint
        workflow_step.checkpoint
      end

      private

      def document(name)
        value = @documents.fetch(name) { @documents[name.to_sym] }
        value.is_a?(String) ? JsonText.parse(value) : value
      end
    end
  end
end
