# The base class of handlers. Source of names and defaults: handler-api §1.1.
require_relative "declarations"
require_relative "halves"
require_relative "row_batch"
require_relative "step_result"

module Stephost
  module StepHandler
    class Base
      VERSION = "1.0.0"

      ON_CRASH = [:backoff, :retry].freeze

      # Every subclass is known by its file, so that nothing has to be registered by hand.
      def self.inherited(subclass)
        super
        Declarations.note(subclass, caller_locations(1))
      end

      # `on_crash :retry` in the body of a class: a step whose process died under it runs again without waiting.
      # @param reaction [Symbol, nil] nil only asks
      # @return [Symbol] `:backoff` or `:retry`, also for subclasses
      def self.on_crash(reaction = nil)
        unless reaction.nil? || ON_CRASH.include?(reaction)
          raise ArgumentError, "on_crash takes #{ON_CRASH.map(&:inspect).join(" or ")}, not #{reaction.inspect}"
        end

        @on_crash = reaction if reaction
        @on_crash || ((self == Base) ? :backoff : superclass.on_crash)
      end

      # `batch max_size: 100, max_wait_ms: 50` in the body of a class with `process_batch(contexts)`: the host gathers so many
      # steps, the first of which waits at most so long. It returns an Array in the order of the contexts, or a Hash by
      # step_uuid. When it raises, its steps run one by one.
      # @return [Hash{String => Integer}, nil] `max_size` and `max_wait_ms`; nil: steps come one by one
      # @raise [ArgumentError] a size below 1 or a negative wait
      def self.batch(max_size: nil, max_wait_ms: nil)
        return @batch || ((self == Base) ? nil : superclass.batch) if max_size.nil? && max_wait_ms.nil?
        unless max_size.is_a?(Integer) && max_size.positive? && max_wait_ms.is_a?(Integer) && !max_wait_ms.negative?
          raise ArgumentError, "batch takes `max_size:` from 1 and `max_wait_ms:` from 0, both integers"
        end

        @batch = {"max_size" => max_size, "max_wait_ms" => max_wait_ms}
      end

      def initialize(config: nil, logger: nil)
        @config = config
        @logger = logger
      end

      # The runtime's: says which step this instance runs.
      def serve(context)
        @stephost_context = context
        self
      end

      # @return [Hash] `handler.initialization` of the template step
      def config
        @config ||= @stephost_context ? @stephost_context.step_config : {}
      end

      # @return [Array<String>] what the class can do beside `process`; `api`, `batchable`, `decision` say more about it
      def capabilities
        labels = {process_results: nil, process_batch: nil, process_async: "async", process_stream: "streaming"}
        ["process", *labels.filter_map { |name, label| label || name.name if respond_to?(name) }]
      end

      # Define it, or define `process(context)` and, to make the result of its output, `process_results(context, output)`.
      # A class that has only `process_batch` gets a batch of one.
      # @param context [Types::StepContext]
      # @return [Types::StepHandlerCallResult::Success, Types::StepHandlerCallResult::Error, Object]
      def call(context)
        return RowBatch.run(self, [context]).first if respond_to?(:process_batch) && !respond_to?(:process)

        Halves.run(self, context)
      end

      def handler_name
        Declarations.snake_case(self.class.name || "handler")
      end

      def logger
        @logger ||= Stephost.logger
      end

      # Tasker's worker and its orchestration live elsewhere: there is nothing of them in this process.
      attr_reader :rust_integration, :orchestration_system

      # @param _config [Hash]
      # @return [Boolean] whether the configuration is one; yours to override
      def validate_config(_config)
        true
      end

      # @return [Hash, nil] a JSON Schema of the configuration; yours to override
      def config_schema
        nil
      end

      # @return [Hash] what the handler says of itself
      def metadata
        {handler_name: handler_name, version: self.class::VERSION, capabilities: capabilities}
      end

      # @raise [ArgumentError] when neither `result` nor `result_data` is given
      def success(result: nil, result_data: nil, metadata: {})
        result = result_data if result.nil?
        raise ArgumentError, "success needs `result:` or `result_data:`" if result.nil?

        Types::StepHandlerCallResult.success(result: result, metadata: metadata)
      end

      # Ends this run, not the step: it runs on from `cursor` (`context.checkpoint_cursor`), in the same attempt.
      # @param items_processed [Integer] from 0, so far
      def checkpoint_yield(cursor:, items_processed:, accumulated_results: nil)
        Types::StepHandlerCallResult.checkpoint_yield(
          cursor: cursor, items_processed: items_processed, accumulated_results: accumulated_results
        )
      end

      def failure(message:, error_type: "UnexpectedError", error_code: nil, retryable: false, metadata: {})
        Types::StepHandlerCallResult.error(
          error_type: error_type, message: message, error_code: error_code, retryable: retryable, metadata: metadata
        )
      end
    end
  end
end
