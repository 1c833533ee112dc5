# Runs calls, each in a thread of its own, never more than `max_in_flight`, and gives exactly one result for each.
require_relative "cancellation"
require_relative "protocol_violation"
require_relative "step_run"

module Stephost
  class Executor
    # @param on_result [#call] takes call_id and entries, from any thread
    # @param on_fault [#call] takes an exception of the runtime itself
    def initialize(directory:, max_in_flight:, on_result:, on_fault:)
      @directory = directory
      @max_in_flight = max_in_flight
      @on_result = on_result
      @on_fault = on_fault
      @calls = {}
      @mutex = Mutex.new
    end

    # @param message [Hash] an `execute`
    # @raise [ProtocolViolation] a call more than `max_in_flight`, or an id that is running
    def execute(message)
      cancellation = Cancellation.new
      admit(message["call_id"], cancellation)
      thread = Thread.new { run(message, cancellation) }
      thread.report_on_exception = false
    end

    # Unknown and finished ids are ignored.
    def cancel(call_id, reason)
      @mutex.synchronize { @calls[call_id] }&.cancel(reason)
    end

    private

    def admit(call_id, cancellation)
      @mutex.synchronize do
        if @calls.key?(call_id)
          raise ProtocolViolation.new("unexpected_message", "The call `#{call_id}` is running already.")
        end
        if @calls.size >= @max_in_flight
          raise ProtocolViolation.new("unexpected_message", "More than #{@max_in_flight} calls are in flight.")
        end

        @calls[call_id] = cancellation
      end
    end

    def run(message, cancellation)
      entries = nil
      step_run = StepRun.new(@directory, message, cancellation)
      entries = message["requests"].map { |request| step_run.entry(request) }
    rescue Exception => error # rubocop:disable Lint/RescueException
      fault = error
    ensure
      # Reached also when a handler ends its own thread (Thread.exit), which nothing can rescue.
      fault ? @on_fault.call(fault) : finish(message, entries || lost(message))
    end

    # The slot is free before the host can know it, so the next call always finds it.
    def finish(message, entries)
      @mutex.synchronize { @calls.delete(message["call_id"]) }
      @on_result.call(message["call_id"], entries)
    end

    def lost(message)
      message["requests"].map do |request|
        WireResult.failure(request["step_uuid"], "handler_exit", "The handler ended its own thread; return a result instead.")
      end
    end
  end
end
