# What a handler returns: a success or an error, made by the author or from whatever `call` gave back.
require_relative "errors"

module Stephost
  module Types
    # Source of names and defaults: handler-api §1.1.
    module StepHandlerCallResult
      UNEXPECTED = "UnexpectedError"

      Success = Struct.new(:result, :metadata, keyword_init: true) do
        def success?
          true
        end

        def checkpoint?
          false
        end
      end

      # `retry_after` is in seconds; `backtrace` and `context` come from a raised error.
      Error = Struct.new(
        :error_type, :message, :error_code, :retryable, :metadata, :retry_after, :backtrace, :context,
        keyword_init: true
      ) do
        def success?
          false
        end

        def checkpoint?
          false
        end
      end

      # Not the end of the step: the host stores it, and the step runs on from it in the same attempt.
      CheckpointYield = Struct.new(:cursor, :items_processed, :accumulated_results, keyword_init: true) do
        def success?
          true
        end

        def checkpoint?
          true
        end
      end

      # @param cursor [Object] whatever JSON holds
      # @param items_processed [Integer] from 0
      def self.checkpoint_yield(cursor:, items_processed:, accumulated_results: nil)
        CheckpointYield.new(cursor: cursor, items_processed: items_processed, accumulated_results: accumulated_results)
      end

      def self.success(result:, metadata: {})
        Success.new(result: result, metadata: metadata)
      end

      def self.error(error_type:, message:, error_code: nil, retryable: false, metadata: {})
        Error.new(
          error_type: error_type, message: message, error_code: error_code, retryable: retryable,
          metadata: metadata, retry_after: nil, backtrace: [], context: {}
        )
      end

      # Examples call it by this name too; without a type it is an UnexpectedError.
      def self.failure(message:, error_type: UNEXPECTED, **rest)
        error(error_type: error_type, message: message, **rest)
      end

      # @return [Boolean] whether a value already says how the step ended
      def self.result?(value)
        [Success, Error, CheckpointYield].any? { |type| value.is_a?(type) }
      end

      # @param output [Object] a result is kept; a hash with `success: true|false` says what it is;
      #   anything else is the result itself
      def self.from_handler_output(output)
        case output
        when Success, Error, CheckpointYield then output
        when Hash then from_hash(output)
        else success(result: output, metadata: {wrapped: true, original_type: output.class.name})
        end
      end

      def self.from_exception(error)
        Error.new(
          error_type: type_of(error), message: error.message, error_code: error_detail(error, :error_code),
          retryable: Errors.retryable?(error), metadata: {}, retry_after: error_detail(error, :retry_after),
          backtrace: error.backtrace || [], context: context_of(error)
        )
      end

      def self.from_hash(hash)
        flag = hash.fetch(:success) { hash["success"] }
        return success(result: hash, metadata: {wrapped: true, original_type: "Hash"}) unless [true, false].include?(flag)

        fields = hash.to_h.transform_keys(&:to_s)
        metadata = fields.fetch("metadata", {})
        if flag
          rest = fields.except("success", "metadata")
          return success(result: rest.fetch("result", rest), metadata: metadata)
        end
        error(
          error_type: fields["error_type"] || UNEXPECTED, message: fields["message"] || "The handler reported a failure.",
          error_code: fields["error_code"], retryable: fields["retryable"] == true, metadata: metadata
        )
      end
      private_class_method :from_hash

      def self.type_of(error)
        case error
        when Errors::ValidationError then "ValidationError"
        when Errors::PermanentError then "PermanentError"
        when Errors::RetryableError then "RetryableError"
        else UNEXPECTED
        end
      end
      private_class_method :type_of

      def self.error_detail(error, name)
        error.public_send(name) if error.is_a?(Errors::Error) && error.respond_to?(name)
      end
      private_class_method :error_detail

      # The class tells more than `UnexpectedError` does.
      def self.context_of(error)
        own = (error.is_a?(Errors::Error) && error.context.is_a?(Hash)) ? error.context : {}
        {"exception_class" => error.class.name}.merge(own.transform_keys(&:to_s))
      end
      private_class_method :context_of
    end
  end
end
