# Says every second that the interpreter can run, while calls are in flight; silent otherwise.
module Stephost
  class Heartbeat
    INTERVAL_S = 1

    def initialize(executor:, outbox:, log_sink:)
      @executor = executor
      @outbox = outbox
      @log_sink = log_sink
      @wakes = Thread::Queue.new
      @asleep = false
    end

    def start
      @thread = Thread.new do
        loop do
          rest
          sleep(INTERVAL_S)
          beat
        end
      end
      @thread.name = "stephost heartbeat"
      self
    end

    # There may be calls in flight again.
    def wake
      return unless @asleep

      @asleep = false
      @wakes << true
    end

    private

    # What was dropped of the log is said also when no further line comes.
    def rest
      return if busy? || !@log_sink.settle

      @asleep = true
      # A call may have come before the flag was set.
      @wakes.pop unless busy?
      @asleep = false
    end

    def busy?
      @executor.in_flight.positive?
    end

    def beat
      count = @executor.in_flight
      @outbox.send({"type" => "heartbeat", "in_flight" => count}) if count.positive?
      @log_sink.settle
    end
  end
end
