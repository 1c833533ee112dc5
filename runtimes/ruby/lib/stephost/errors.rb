# The errors that handlers raise, and which of them make a retry pointless. Source: handler-api §1.1.
module Stephost
  module Errors
    class Error < StandardError
      # @return [Hash] what the author wants to see beside the message; stored as `error.context`
      attr_reader :context

      def initialize(message = nil, context: {})
        super(message)
        @context = context
      end

      # @return [String] the word of the family, `PermanentError` for instance
      def error_class
        self.class.name.to_s.split("::").last
      end
    end

    class ConfigurationError < Error; end

    class ProceduralError < Error; end

    class OrchestrationError < Error; end

    class DatabaseError < Error; end

    # A later run may succeed; `retry_after` (seconds) is the wish for the wait.
    class RetryableError < ProceduralError
      attr_reader :retry_after

      def initialize(message = nil, retry_after: nil, context: {})
        super(message, context: context)
        @retry_after = retry_after
      end
    end

    # No run will succeed.
    class PermanentError < ProceduralError
      attr_reader :error_code

      def initialize(message = nil, error_code: nil, context: {})
        super(message, context: context)
        @error_code = error_code
      end
    end

    class TimeoutError < Error
      attr_reader :timeout_duration

      def initialize(message = nil, timeout_duration: nil, context: {})
        super(message, context: context)
        @timeout_duration = timeout_duration
      end
    end

    class NetworkError < Error
      attr_reader :status_code

      def initialize(message = nil, status_code: nil, context: {})
        super(message, context: context)
        @status_code = status_code
      end
    end

    class ValidationError < PermanentError
      attr_reader :field

      def initialize(message = nil, field: nil, error_code: nil, context: {})
        super(message, error_code: error_code, context: context)
        @field = field
      end
    end

    class NotFoundError < PermanentError
      attr_reader :resource_type

      def initialize(message = nil, resource_type: nil, error_code: nil, context: {})
        super(message, error_code: error_code, context: context)
        @resource_type = resource_type
      end
    end

    class FFIError < Error
      attr_reader :operation

      def initialize(message = nil, operation: nil, context: {})
        super(message, context: context)
        @operation = operation
      end
    end

    class ServerError < Error
      attr_reader :operation

      def initialize(message = nil, operation: nil, context: {})
        super(message, context: context)
        @operation = operation
      end
    end

    # The host could not keep a checkpoint: the step lost its claim, or the data cannot be stored. Not one of Tasker's.
    class CheckpointNotStored < Error; end

    NOT_RETRYABLE = [ConfigurationError, PermanentError, DatabaseError, FFIError].freeze

    # Unknown errors are retryable: the next run may meet another world.
    def self.retryable?(error)
      NOT_RETRYABLE.none? { |family| error.is_a?(family) }
    end
  end
end
