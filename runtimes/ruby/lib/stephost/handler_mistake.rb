# Mistakes of an author in the use of this package: no retry mends them, so they fail the step for good and say where.
require_relative "declarations"
require_relative "errors"
require_relative "step_result"

module Stephost
  module HandlerMistake
    CODE = "HANDLER_MISTAKE"

    # An ArgumentError of the author's own code says nothing of the kind: only where it was raised tells them apart.
    # @param error [Exception]
    # @param handler [Handler]
    # @return [Types::StepHandlerCallResult::Error, nil] nil: it is none
    def self.result_of(error, handler)
      return unless [ArgumentError, Errors::PermanentError].any? { |type| error.is_a?(type) } && raised_here?(error)

      told = Types::StepHandlerCallResult.from_exception(error)
      ours = error.is_a?(Errors::PermanentError)
      result = Types::StepHandlerCallResult.error(
        error_type: ours ? told.error_type : "PermanentError", error_code: ours ? told.error_code : CODE,
        message: "Handler `#{handler.callable}` (#{handler.file}): #{error.message}"
      )
      result.backtrace = told.backtrace
      result.context = told.context
      result
    end

    def self.raised_here?(error)
      path = error.backtrace_locations&.first&.absolute_path
      !path.nil? && path.start_with?("#{Declarations::LIBRARY}/")
    end
    private_class_method :raised_here?
  end
end
