# The base class of handlers. Source of names and defaults: handler-api §1.1.
require_relative "declarations"
require_relative "step_result"

module Stephost
  module StepHandler
    class Base
      VERSION = "1.0.0"

      # @return [Hash] `handler.initialization` of the template step
      attr_reader :config

      # Every subclass is known by its file, so that nothing has to be registered by hand.
      def self.inherited(subclass)
        super
        Declarations.note(subclass, caller_locations(1))
      end

      def initialize(config: {}, logger: nil)
        @config = config
        @logger = logger
      end

      # @param context [Types::StepContext]
      # @return [Types::StepHandlerCallResult::Success, Types::StepHandlerCallResult::Error, Object]
      def call(_context)
        raise Errors::ConfigurationError, "#{self.class} does not define `call(context)`."
      end

      def handler_name
        (self.class.name || "handler").split("::").last.gsub(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/, '\1\3_\2\4').downcase
      end

      def logger
        @logger ||= Stephost.logger
      end

      # @raise [ArgumentError] when neither `result` nor `result_data` is given
      def success(result: nil, result_data: nil, metadata: {})
        result = result_data if result.nil?
        raise ArgumentError, "success needs `result:` or `result_data:`" if result.nil?

        Types::StepHandlerCallResult.success(result: result, metadata: metadata)
      end

      def failure(message:, error_type: "UnexpectedError", error_code: nil, retryable: false, metadata: {})
        Types::StepHandlerCallResult.error(
          error_type: error_type, message: message, error_code: error_code, retryable: retryable, metadata: metadata
        )
      end
    end
  end
end
