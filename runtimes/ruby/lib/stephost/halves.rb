# Handlers in two halves: `process` does the work, `process_results` makes the step's result of its output.
require_relative "step_result"

module Stephost
  # Not methods of the base class, where an author's own could hide them.
  module Halves
    # @param handler [StepHandler::Base]
    # @param context [Types::StepContext]
    # @return [Object] what `process` returned when that says itself how the step ended, else what `process_results` made of it
    # @raise [Errors::ConfigurationError] the class has no `process`
    def self.run(handler, context)
      unless handler.respond_to?(:process)
        raise Errors::ConfigurationError, "#{handler.class} defines neither `call(context)` nor `process(context)`."
      end

      output = process(handler, context)
      return output if !handler.respond_to?(:process_results) || Types::StepHandlerCallResult.result?(output)

      handler.process_results(context, output)
    end

    # Handlers from before contexts have `process(task, sequence, step)`.
    def self.process(handler, context)
      return handler.process(context) unless handler.method(:process).arity == 3

      handler.process(context.task, context.dependency_results, context.workflow_step)
    end
    private_class_method :process
  end
end
