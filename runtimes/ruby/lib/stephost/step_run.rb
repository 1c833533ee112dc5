# One request → one entry: finds the handler, runs it, times it, and turns whatever it did into a result.
require_relative "cancellation"
require_relative "fork_guard"
require_relative "handler_directory"
require_relative "handler_mistake"
require_relative "line_buffer"
require_relative "step_context"
require_relative "wire_result"

module Stephost
  # It is the group of the threads that run the step: a thread that a handler starts inherits the group, so what it prints
  # is known to be of this step, and no longer when the step has ended.
  class StepRun < ThreadGroup
    INTERRUPTIBLE = {Cancelled => :on_blocking}.freeze
    PRINTING = Mutex.new

    # @return [StepRun, nil] the one that the current thread belongs to
    def self.current
      group = Thread.current.group
      group if group.is_a?(StepRun) && group.running?
    end

    # @return [String]
    attr_reader :step_uuid

    # @param call [Call] the request's
    # @param request [Hash] a request of the wire
    def initialize(call, request)
      super()
      @call = call
      @request = request
      @step_uuid = request["step_uuid"]
      @running = true
    end

    def running?
      @running
    end

    # Takes what the step printed to a stream and yields the lines that are whole.
    # @param text [String] of one print, which threads of the step do not split
    def printed(stream, text, &block)
      PRINTING.synchronize do
        @prints ||= {}
        (@prints[stream] ||= LineBuffer.new).append(text, &block)
      end
    end

    # @return [Hash] an entry of `result`
    def entry
      # A batch stops where it was interrupted.
      return cancelled_entry if @call.interrupted

      add(Thread.current)
      target = @call.target
      started = now_ms
      outcome = outcome_of(target)
      WireResult.entry(step_uuid, outcome, handler: target.handler, execution_time_ms: now_ms - started)
    rescue HandlerDirectory::NotFound => error
      WireResult.failure(step_uuid, "handler_not_found", error.message)
    rescue Exception => error # rubocop:disable Lint/RescueException
      # The author's code also runs while its result is written (`to_h`) or its error described (`message`).
      WireResult.failure(step_uuid, "UnexpectedError", "The handler's outcome cannot be read: #{error.class}.", retryable: true)
    end

    # @return [Hash] the entry of a run that the cancel came before
    def cancelled_entry
      WireResult.failure(step_uuid, cancelled.error_type, cancelled.message, retryable: true)
    end

    # Its last words leave before its result; what its threads print later is nobody's.
    # Yields stream and text of a line that never ended.
    def finish
      @running = false
      @request = nil
      return if @prints.nil?

      PRINTING.synchronize { @prints.transform_values(&:rest) }.compact.each { |stream, rest| yield stream, rest }
    end

    private

    # Everything that a handler can raise is its outcome, not the runtime's end.
    def outcome_of(target)
      context = Types::StepContext.from_request(@request, @call)
      output = Thread.handle_interrupt(INTERRUPTIBLE) { target.run(context) }
      Types::StepHandlerCallResult.from_handler_output(output)
    rescue Cancelled
      cancelled
    rescue Exception => error # rubocop:disable Lint/RescueException
      ForkGuard.leave(error) if ForkGuard.child?
      return exited(target.handler, error.status) if error.is_a?(SystemExit)

      HandlerMistake.result_of(error, target.handler) || Types::StepHandlerCallResult.from_exception(error)
    end

    def cancelled
      Types::StepHandlerCallResult.error(
        error_type: "cancelled", retryable: true,
        message: "The handler was stopped after its cancel (#{@call.cancellation.reason})."
      )
    end

    def exited(handler, status)
      Types::StepHandlerCallResult.error(
        error_type: "handler_exit",
        message: "Handler `#{handler.callable}` (#{handler.file}) called `exit` (#{status}); return a result instead."
      )
    end

    def now_ms
      Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
    end
  end
end
