# One `execute` that the guest holds: what the host asked for, until when, and who runs it.
require_relative "batch_run"
require_relative "cancellation"
require_relative "checkpoints"
require_relative "event_run"
require_relative "step_run"
require_relative "step_stream"

module Stephost
  class Call
    # @return [String]
    attr_reader :id
    # @return [Cancellation]
    attr_reader :cancellation
    # @return [Float] seconds of the monotonic clock
    attr_reader :deadline_at
    # @return [String, nil]
    attr_reader :traceparent
    # @return [Thread, nil] the one that runs it
    attr_accessor :thread
    # @return [Boolean] whether its thread was interrupted
    attr_accessor :interrupted

    # @param message [Hash] an `execute`
    def initialize(message, directory:, outbox:, event_code: nil)
      @id = message["call_id"]
      @message = message
      @directory = directory
      @outbox = outbox
      @event_code = event_code
      @cancellation = Cancellation.new
      @deadline_at = Process.clock_gettime(Process::CLOCK_MONOTONIC) + (message["deadline_ms"] / 1000.0)
      @traceparent = message["traceparent"]
      @interrupted = false
    end

    # @return [Array<Hash>] one entry for each request, in their order
    # @param log_sink [LogSink] takes the beginnings of lines that never ended
    def run(log_sink)
      return EventRun.new(self, @message, @event_code).entries if @message.key?("event") && !@message["event"].nil?

      run_batch || run_one_by_one(log_sink)
    end

    # @return [Target] handler and method
    # @raise [HandlerDirectory::NotFound]
    def target
      @directory.target(@message["callable"], @message["method"], @message["resolver"])
    end

    # Most calls save nothing.
    def checkpoints
      @checkpoints ||= Checkpoints.new(@outbox, @id)
    end

    # @return [Array<Hash>] entries for a call that was cancelled before it began
    def cancelled
      @message["requests"].map { |request| StepRun.new(self, request).cancelled_entry }
    end

    # @return [Array<Hash>] entries for a call whose handler ended the thread under it
    def lost
      @message["requests"].map do |request|
        WireResult.failure(request["step_uuid"], "handler_exit", "The handler ended its own thread; return a result instead.")
      end
    end

    private

    # @return [Array<Hash>, nil] nil: not a batch, or one whose steps have to run one by one
    def run_batch
      return unless @message["mode"] == "batch"

      handler = target.handler
      BatchRun.new(self, @message["requests"], handler).entries if handler.method?("process_batch")
    rescue HandlerDirectory::NotFound
      # Each step's own entry says so.
      nil
    end

    def run_one_by_one(log_sink)
      @message["requests"].map do |request|
        step_run = StepRun.new(self, request)
        begin
          step_run.entry
        ensure
          step_run.finish do |stream, rest|
            level = StepStream.level(stream)
            log_sink.write(step_uuid: step_run.step_uuid, stream: stream, level: level, line: rest)
          end
        end
      end
    end
  end
end
