# Runs calls in threads that stay, never more than the host was told, and gives exactly one result for each.
require_relative "call"
require_relative "fork_guard"
require_relative "protocol_violation"

module Stephost
  # `admit` takes the calls of one read, `dispatch` lets them begin. Of what a call passes through, `@admitted` belongs to the
  # session; `@waiting` holds calls beyond `threads`; `@ready` those that are announced as started and need only a thread.
  class Executor
    # @param on_fault [#call] takes an exception of the runtime itself
    # @param on_drained [#call] all is finished after `drain`
    def initialize(directory:, outbox:, log_sink:, threads:, max_in_flight:, on_fault:, on_drained:)
      @directory = directory
      @outbox = outbox
      @log_sink = log_sink
      @max_in_flight = max_in_flight
      @on_fault = on_fault
      @on_drained = on_drained
      @threads_max = threads
      @threads = 0
      @free = threads
      @calls = {}
      @admitted = []
      @waiting = []
      @ready = Thread::Queue.new
      @wakes = Thread::Queue.new
      @waking = false
      @mutex = Mutex.new
    end

    # @param message [Hash] an `execute`
    # @raise [ProtocolViolation] a call more than `max_in_flight`, an id that is running, or a call after `drain`
    def admit(message)
      call = Call.new(message, directory: @directory, outbox: @outbox)
      @mutex.synchronize do
        refuse("A call came after `reload`.") if @draining
        refuse("The call `#{call.id}` is running already.") if @calls.key?(call.id)
        refuse("More than #{@max_in_flight} calls are in flight.") if @calls.size >= @max_in_flight
        @calls[call.id] = call
      end
      @admitted << call
    end

    # Tells the host which of the admitted calls start and which wait, and only then lets them run.
    def dispatch
      return if @admitted.empty?

      starting = take_free(@admitted)
      @outbox.send({"type" => "accepted", "call_ids" => @admitted.map(&:id)}) unless @admitted.empty?
      start(starting)
      @mutex.synchronize { @waiting.concat(@admitted) }
      @admitted.clear
      # Threads that became free meanwhile saw nobody waiting.
      start(take_free(@waiting))
    end

    # Unknown and finished ids are ignored. A call that waits for a thread is given back at once; a thread that waits on
    # after half of the grace is interrupted.
    def cancel(call_id, reason:, grace_ms:)
      call = find(call_id)
      return if call.nil? || call.cancellation.cancelled?

      call.cancellation.cancel(reason)
      return give_back(call) if @mutex.synchronize { @waiting.delete(call) && @calls.delete(call_id) }

      Thread.new do
        sleep(grace_ms / 2000.0)
        interrupt(call)
      end
    end

    # @param message [Hash] a `checkpointed`
    def settle_checkpoint(message)
      find(message["call_id"])&.checkpoints&.settle(message)
    end

    # No call comes any more; `on_drained` is called when the last one is finished.
    def drain
      @draining = true
    end

    def drained?
      @draining && in_flight.zero?
    end

    # @return [Integer]
    def in_flight
      @calls.size
    end

    private

    def refuse(message)
      raise ProtocolViolation.new("unexpected_message", message)
    end

    def find(call_id)
      @mutex.synchronize { @calls[call_id] }
    end

    # Moves as many calls out of the list as there are free threads.
    def take_free(calls)
      @mutex.synchronize do
        calls.shift(@free).tap { |taken| @free -= taken.size }
      end
    end

    def start(calls)
      return if calls.empty?

      announce(calls)
      wake
    end

    # `started` is written before any code of the author runs: a host that finds a dead guest knows which calls began.
    def announce(calls)
      @outbox.send({"type" => "started", "call_ids" => calls.map(&:id)})
      calls.each { |call| @ready << call }
    end

    # Wakes one thread for any number of calls: it wakes the next before it runs one. So short calls cost one switch together,
    # and a call that blocks never holds up those behind it.
    def wake
      return if @waking

      @waking = true
      @wakes << true unless @wakes.num_waiting.zero? && add_thread
    end

    # @return [Boolean] false when there are as many as there may be; then one of them comes for the calls
    def add_thread
      @mutex.synchronize do
        return false if @threads == @threads_max

        @threads += 1
      end
      Thread.new { work }.report_on_exception = false
      true
    end

    # Only a handler's own code can be interrupted by a cancel (see StepRun), nothing here.
    def work
      Thread.handle_interrupt(Cancelled => :never) do
        loop do
          @waking = false
          run_ready
          @outbox.flush
          @wakes.pop
        end
      end
    ensure
      # A handler ended its thread: another takes its place.
      @mutex.synchronize { @threads -= 1 }
      @outbox.alarm
      @waking = false
      wake unless @ready.empty?
    end

    def run_ready
      until @ready.empty?
        call = next_ready or break
        wake unless @ready.empty?
        run(call)
      end
    end

    def next_ready
      @ready.pop(true)
    rescue ThreadError
      # Another thread was faster.
      nil
    end

    def run(call)
      call.thread = Thread.current
      # What is finished must not wait for what now begins.
      @outbox.alarm
      entries = call.run(@log_sink)
    rescue Exception => error # rubocop:disable Lint/RescueException
      @on_fault.call(error)
    ensure
      # Reached also when a handler ends its own thread (Thread.exit), which nothing can rescue.
      finish(call, entries || call.lost)
    end

    # The slot is free before the host can know it, so the next call always finds it.
    def finish(call, entries)
      ForkGuard.leave if ForkGuard.child?
      following = @mutex.synchronize do
        @calls.delete(call.id)
        @waiting.shift.tap { |waiting| @free += 1 if waiting.nil? }
      end
      @outbox.add_result(call.id, entries)
      announce([following]) if following
      forget_interrupt if call.interrupted
      @on_drained.call if drained?
    end

    def give_back(call)
      @outbox.add_result(call.id, call.cancelled)
      @outbox.flush
      @on_drained.call if drained?
    end

    def interrupt(call)
      @mutex.synchronize do
        next unless @calls[call.id].equal?(call)

        call.interrupted = true
        call.thread&.raise(Cancelled)
      end
    end

    # One that came after the handler's end must not hit the next call of this thread.
    def forget_interrupt
      Thread.handle_interrupt(Cancelled => :immediate) { Thread.pass }
    rescue Cancelled
      nil
    end
  end
end
