# What a batch worker was given: its cursor, and how far it came in a run before. Source: handler-api §0.4, §1.1.
require_relative "indifferent_hash"
require_relative "stored_checkpoint"

module Stephost
  module BatchProcessing
    class BatchWorkerContext
      include StoredCheckpoint

      # @return [IndifferentHash]
      attr_reader :cursor, :batch_metadata
      # @return [IndifferentHash, nil] what the step had when this run of it began
      attr_reader :checkpoint
      # @return [Boolean] a worker that orchestration made although there is nothing to do
      attr_reader :is_no_op
      alias_method :no_op?, :is_no_op

      # @param context [Types::StepContext] of a step of the type `batch_worker`
      # @raise [ArgumentError] the step has no cursor
      def self.from_step_data(context)
        new(context.workflow_step)
      end

      # @param workflow_step [Models::WorkflowStepWrapper]
      def initialize(workflow_step)
        inputs = workflow_step.inputs
        @is_no_op = inputs["is_no_op"] == true
        @cursor = inputs["cursor"] || IndifferentHash.new
        @batch_metadata = inputs["batch_metadata"] || IndifferentHash.new
        @checkpoint = workflow_step.checkpoint
        check_cursor(workflow_step.name) unless no_op?
      end

      def batch_id
        cursor["batch_id"] || "no_op"
      end

      def start_cursor
        position("start_cursor")
      end

      # The first position that is not this worker's any more.
      def end_cursor
        position("end_cursor")
      end

      private

      def position(name)
        value = cursor[name]
        value.nil? ? 0 : Integer(value)
      end

      def check_cursor(step_name)
        missing = %w[batch_id start_cursor end_cursor].reject { |name| cursor.key?(name) }
        return if missing.empty?

        raise ArgumentError, "the step #{step_name.inspect} has no #{missing.map { |name| "cursor.#{name}" }.join(", ")} " \
          "in its inputs; only steps of the type `batch_worker` have a batch context"
      end
    end
  end
end
