# One `execute` of several steps → their entries, made in one call of the handler.
require_relative "row_batch"
require_relative "step_run"

module Stephost
  # What the author's code prints meanwhile belongs to the process: it works for all of the steps.
  class BatchRun
    # @param call [Call]
    # @param requests [Array<Hash>] of the wire
    # @param handler [Handler] one with `process_batch`
    def initialize(call, requests, handler)
      @call = call
      @requests = requests
      @handler = handler
    end

    # @return [Array<Hash>, nil] one entry for each request, in their order; nil: the author's code raised, and the steps run
    #   one by one
    def entries
      contexts = @requests.map { |request| Types::StepContext.from_request(request, @call) }
      started = now_ms
      outcomes = Thread.handle_interrupt(StepRun::INTERRUPTIBLE) { RowBatch.run(@handler.instance(contexts.first), contexts) }
      written(outcomes, now_ms - started)
    rescue Cancelled
      @call.cancelled
    rescue Exception => error # rubocop:disable Lint/RescueException
      ForkGuard.leave(error) if ForkGuard.child?
      return @call.cancelled if @call.cancellation.cancelled?

      warn "`process_batch` of `#{@handler.callable}` (#{@handler.file}) raised #{error.class}; its steps run one by one."
    end

    private

    def written(outcomes, execution_time_ms)
      @requests.zip(outcomes).map do |request, outcome|
        WireResult.entry(request["step_uuid"], outcome, handler: @handler, execution_time_ms: execution_time_ms)
      end
    end

    def now_ms
      Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
    end
  end
end
