# The calls that the guest holds: never more than the host was told, each announced before it runs, one result for each.
require_relative "call"
require_relative "fork_guard"
require_relative "protocol_violation"

module Stephost
  # `admit` takes the calls of one read, `dispatch` announces them. Of what a call passes through, `@admitted` belongs to the
  # session; `@waiting` holds calls beyond `threads`; `@ready` those that are announced as started, for the crew to run.
  class Executor
    # @param on_fault [#call] takes an exception of the runtime itself
    # @param on_drained [#call] all is finished after `drain`
    def initialize(directory:, outbox:, log_sink:, threads:, max_in_flight:, on_fault:, on_drained:, event_code: nil)
      @directory = directory
      @event_code = event_code
      @outbox = outbox
      @log_sink = log_sink
      @max_in_flight = max_in_flight
      @on_fault = on_fault
      @on_drained = on_drained
      @threads = threads
      @free = threads
      @calls = {}
      @admitted = []
      @waiting = []
      @ready = Thread::Queue.new
      @mutex = Mutex.new
    end

    # @param message [Hash] an `execute`
    # @raise [ProtocolViolation] a call more than `max_in_flight`, an id that is running, or a call after `drain`
    def admit(message)
      call = Call.new(message, directory: @directory, outbox: @outbox, event_code: @event_code)
      @mutex.synchronize do
        refuse("A call came after `reload`.") if @draining
        refuse("The call `#{call.id}` is running already.") if @calls.key?(call.id)
        refuse("More than #{@max_in_flight} calls are in flight.") if @calls.size >= @max_in_flight
        @calls[call.id] = call
      end
      @admitted << call
    end

    # Tells the host which of the admitted calls start and which wait; those that start are then ready.
    def dispatch
      return if @admitted.empty?

      starting = take_free(@admitted)
      @outbox.send({"type" => "accepted", "call_ids" => @admitted.map(&:id)}) unless @admitted.empty?
      announce(starting)
      @mutex.synchronize { @waiting.concat(@admitted) }
      @admitted.clear
      # Threads that became free meanwhile saw nobody waiting.
      announce(take_free(@waiting))
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

    # @return [Integer] calls that a thread of the crew runs now
    def running
      @threads - @free - @ready.size
    end

    # @return [Boolean] whether calls wait for the crew
    def ready?
      !@ready.empty?
    end

    # @return [Call, nil]
    def next_ready
      @ready.pop(true) unless @ready.empty?
    rescue ThreadError
      # Another thread was faster.
      nil
    end

    # Runs it in this thread, which a cancel may then interrupt, but only in the handler's own code (see StepRun).
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

    # `started` is written before any code of the author runs: a host that finds a dead guest knows which calls began.
    def announce(calls)
      return if calls.empty?

      @outbox.send({"type" => "started", "call_ids" => calls.map(&:id)})
      calls.each { |call| @ready << call }
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
