# Several steps in one call of `process_batch`: contexts in, a result for each out.
require_relative "step_result"

module Stephost
  module RowBatch
    # @param handler [StepHandler::Base]
    # @param contexts [Array<Types::StepContext>]
    # @return [Array<Types::StepHandlerCallResult::Success, Types::StepHandlerCallResult::Error>] in the order of the contexts
    # @raise whatever the author's code raises
    def self.run(handler, contexts)
      output = handler.process_batch(contexts)
      outputs = ordered(output, contexts) or return Array.new(contexts.size) { misfit(handler, output) }
      outputs.map { |each| each.nil? ? missing(handler) : Types::StepHandlerCallResult.from_handler_output(each) }
    end

    # @return [Array, nil] nil: neither an array with at most one value for each context nor a hash by step uuid
    def self.ordered(output, contexts)
      case output
      when Hash
        by_uuid = output.transform_keys(&:to_s)
        contexts.map { |context| by_uuid[context.step_uuid] }
      when Array
        Array.new(contexts.size) { |index| output[index] } if output.size <= contexts.size
      end
    end
    private_class_method :ordered

    def self.misfit(handler, output)
      given = output.is_a?(Array) ? "more results than contexts" : output.class.name
      Types::StepHandlerCallResult.error(
        error_type: "invalid_result",
        message: "`process_batch` of #{handler.class} returned #{given}; " \
          "return an Array in the order of the contexts, or a Hash by step_uuid."
      )
    end
    private_class_method :misfit

    def self.missing(handler)
      Types::StepHandlerCallResult.error(
        error_type: "missing_result", retryable: true,
        message: "`process_batch` of #{handler.class} gave no result for this step; it must give one for each context."
      )
    end
    private_class_method :missing
  end
end
