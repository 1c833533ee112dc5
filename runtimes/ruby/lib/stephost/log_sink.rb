# Lines of known steps and of loggers → `log` messages, never more in a second than the host allows.
require_relative "line_buffer"

module Stephost
  class LogSink
    WINDOW_S = 1.0

    class << self
      # The sink of this process; nil outside the runtime and in a process that a handler forked: there, lines are only printed.
      # @return [LogSink, nil]
      attr_accessor :current
    end

    # @param clock [#call] seconds of a clock that never goes back
    def initialize(outbox, lines_per_second_max, clock: -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) })
      @outbox = outbox
      # When each of the last lines was sent: the oldest one's age says whether there is room, in every second one may look at.
      @sent_at = Array.new(lines_per_second_max, -Float::INFINITY)
      @next = 0
      @clock = clock
      @dropped = 0
      @mutex = Mutex.new
    end

    # @param line [String] without its end
    # @param fields [String, nil] a JSON object
    def write(step_uuid:, stream:, level:, line:, fields: nil)
      @mutex.synchronize do
        tell_dropped
        sent = post(
          {
            "type" => "log", "step_uuid" => step_uuid, "stream" => stream, "level" => level,
            "message" => LineBuffer.clip(line), "fields" => fields
          }
        )
        @dropped += 1 unless sent
      end
    end

    # Says how many lines were dropped, once there is room for it.
    # @return [Boolean] whether nothing is left to say
    def settle
      @mutex.synchronize do
        tell_dropped
        @dropped.zero?
      end
    end

    private

    def tell_dropped
      return if @dropped.zero?

      text = "… #{@dropped} lines dropped: more than #{@sent_at.size} in a second"
      message = {"type" => "log", "step_uuid" => nil, "stream" => "log", "level" => "warn", "message" => text, "fields" => nil}
      @dropped = 0 if post(message)
    end

    def post(message)
      now = @clock.call
      return false if now - @sent_at[@next] < WINDOW_S || !@outbox.post_log(message)

      @sent_at[@next] = now
      @next = (@next + 1) % @sent_at.size
      true
    end
  end
end
