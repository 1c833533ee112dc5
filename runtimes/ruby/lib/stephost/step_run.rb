# One request → one entry: finds the handler, runs it, times it, and turns whatever it did into a result.
require_relative "handler_directory"
require_relative "step_context"
require_relative "wire_result"

module Stephost
  class StepRun
    # @param target [Hash] `callable`, `method`, `resolver` of the call
    def initialize(directory, target, cancellation)
      @directory = directory
      @target = target
      @cancellation = cancellation
    end

    # @param request [Hash] a request of the wire
    # @return [Hash] an entry of `result`
    def entry(request)
      step_uuid = request.fetch("step_uuid")
      handler = @directory.resolve(@target["callable"], @target["resolver"])
      method = @target["method"] || "call"
      return missing_method(step_uuid, handler, method) unless handler.method?(method)

      started = now_ms
      outcome = outcome_of(handler, method, request)
      WireResult.entry(step_uuid, outcome, handler: handler, execution_time_ms: now_ms - started)
    rescue HandlerDirectory::NotFound => error
      WireResult.failure(step_uuid, "handler_not_found", error.message)
    end

    private

    # Everything that a handler can raise is its outcome, not the runtime's end.
    def outcome_of(handler, method, request)
      context = Types::StepContext.from_request(request, cancellation: @cancellation)
      output = handler.instance(context.step_config).public_send(method, context)
      Types::StepHandlerCallResult.from_handler_output(output)
    rescue SystemExit => exit
      Types::StepHandlerCallResult.error(
        error_type: "handler_exit",
        message: "Handler `#{handler.callable}` (#{handler.file}) called `exit` (#{exit.status}); return a result instead."
      )
    rescue Exception => error # rubocop:disable Lint/RescueException
      Types::StepHandlerCallResult.from_exception(error)
    end

    def missing_method(step_uuid, handler, method)
      message = "Handler `#{handler.callable}` (#{handler.file}) has no public method `#{method}`."
      WireResult.failure(step_uuid, "handler_not_found", message)
    end

    def now_ms
      Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
    end
  end
end
