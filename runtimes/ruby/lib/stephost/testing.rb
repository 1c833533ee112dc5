# For tests of handlers: `require "stephost/testing"`. Nothing here needs a host.
require_relative "../stephost"
require_relative "testing/context_factory"
require_relative "testing/handler_run"
require_relative "testing/matchers" if defined?(RSpec)

module Stephost
  # `include Stephost::Testing` in tests, or call it as `Stephost::Testing.run_handler(…)`.
  module Testing
    module_function

    # @param context [Hash] the task's context
    # @param dependencies [Hash] step name → what its handler returned
    # @param config [Hash] `initialization` of the template step
    # @param inputs [Hash] of the step, as batch workers have them
    # @param checkpoint [Hash, nil] `cursor`, `items_processed`, `accumulated_results`
    # @param attempts [Integer] before this run: 0 on the first
    # @return [Types::StepContext]
    def build_context(context: {}, dependencies: {}, config: {}, inputs: {}, checkpoint: nil, attempts: 0, **about)
      ContextFactory.build(
        context: context, dependencies: dependencies, config: config, inputs: inputs, checkpoint: checkpoint,
        attempts: attempts, **about
      )
    end

    # Runs a handler as the host would, and gives what would be stored.
    # @param handler_class [Class] also what `step_handler` and its kinds return
    # @param method [String, Symbol] of the template's `handler.method`
    # @param about [Hash] as build_context
    # @return [HandlerRun]
    def run_handler(handler_class, method: "call", **about)
      HandlerRun.of(handler_class, method, build_context(**about))
    end

    # Runs a `process_batch` with one context for each of the task contexts.
    # @return [Array<HandlerRun>]
    def run_batch(handler_class, contexts, **about)
      HandlerRun.of_batch(handler_class, contexts.map { |context| build_context(context: context, **about) })
    end
  end
end
