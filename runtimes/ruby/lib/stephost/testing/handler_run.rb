# What a handler's run came to, in the form in which it would be stored.
require_relative "../handler"
require_relative "../handler_mistake"
require_relative "../step_run"
require_relative "../target"
require_relative "../wire_result"

module Stephost
  module Testing
    class HandlerRun
      # @return [Object, nil] of a success, with string keys
      attr_reader :result
      # @return [Hash{String => Object}]
      attr_reader :metadata
      # @return [Hash{String => Object}, nil] of a failure: `message`, `error_type`, `error_code`, `retryable`, `retry_after_s`
      attr_reader :error
      # @return [Hash{String => Object}, nil] `kind` (decision, batches, checkpoint) and `document`
      attr_reader :outcome
      # @return [Array<Hash>] what the handler saved with `context.checkpoint!`
      attr_reader :checkpoints

      # @return [HandlerRun]
      def self.of(handler_class, method, context)
        handler = handler_of(handler_class)
        unless handler.method?(method.to_s)
          raise ArgumentError, "#{handler_class.name || handler.callable} has no public method `#{method}`"
        end

        new(entry(handler, context) { Target.new(handler, method.to_s).run(context) }, context)
      end

      # @return [Array<HandlerRun>]
      def self.of_batch(handler_class, contexts)
        handler = handler_of(handler_class)
        outcomes = RowBatch.run(handler.instance(contexts.first), contexts)
        contexts.zip(outcomes).map { |context, outcome| new(entry(handler, context) { outcome }, context) }
      end

      def self.handler_of(handler_class)
        Handler.new(handler_class, file: Declarations.all[handler_class].to_s, root: "")
      end
      private_class_method :handler_of

      # The same way as StepRun goes, without a thread and a host.
      def self.entry(handler, context)
        outcome = begin
          Types::StepHandlerCallResult.from_handler_output(yield)
        rescue => error
          HandlerMistake.result_of(error, handler) || Types::StepHandlerCallResult.from_exception(error)
        end
        WireResult.entry(context.step_uuid, outcome, handler: handler, execution_time_ms: 0)
      end
      private_class_method :entry

      def initialize(entry, context)
        @success = entry["success"]
        @metadata = JSON.parse(entry["metadata"])
        @result = JSON.parse(entry["result"]) if success?
        @error = entry["error"]
        @outcome = entry["outcome"]&.then { |outcome| outcome.merge("document" => JSON.parse(outcome["document"])) }
        @checkpoints = context.recorded_checkpoints
      end

      def success?
        @success
      end

      # @return [Boolean] whether another try may help
      def retryable?
        !success? && error["retryable"]
      end

      # @return [Array<String>, nil] the branches of a decision; nil: it is none
      def branches
        (outcome["document"]["step_names"] || []) if outcome && outcome["kind"] == "decision"
      end

      def inspect
        success? ? "a success with #{result}" : "a #{"non-" unless retryable?}retryable failure: #{error["message"]}"
      end
    end
  end
end
