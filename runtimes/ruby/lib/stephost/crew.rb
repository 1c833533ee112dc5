# The threads of the runtime: one of them reads, the others run calls, and they change places.
require_relative "cancellation"

module Stephost
  # The thread that has read a batch runs it too, while another stands by to read on when a call takes its time. So short
  # calls never change threads, which costs more than they do, and a call that blocks never holds up those behind it.
  class Crew
    # @param turn [#call] reads once and gives an exit code, or nil to go on
    # @param threads [Integer] calls that run at once; one thread more reads
    # @param on_end [#call] takes the exit code and does not return
    # @param on_fault [#call] takes an exception of the runtime itself and does not return
    def initialize(turn:, executor:, outbox:, threads:, on_end:, on_fault:)
      @turn = turn
      @executor = executor
      @outbox = outbox
      @threads_max = threads + 1
      @on_end = on_end
      @on_fault = on_fault
      @threads = 0
      @reading = false
      @wakes = Thread::Queue.new
      @mutex = Mutex.new
    end

    def start
      wake
      self
    end

    private

    # Wakes one thread for any amount of work: it wakes the next before it does something that may take long.
    def wake
      @wakes << true if @wakes.empty?
      # One that is neither reading nor in a call takes the token; where there is none, the token may be an old one.
      add_thread if @threads <= @executor.running + (@reading ? 1 : 0)
    end

    def add_thread
      @mutex.synchronize do
        return if @threads == @threads_max

        @threads += 1
      end
      Thread.new { work }.report_on_exception = false
    end

    def work
      # Only a handler's own code can be interrupted by a cancel (see StepRun), nothing here.
      Thread.handle_interrupt(Cancelled => :never) do
        loop do
          @wakes.pop
          serve
        end
      end
    rescue Exception => error # rubocop:disable Lint/RescueException
      @on_fault.call(error)
    ensure
      replace
    end

    # A handler ended its thread: another takes its place.
    def replace
      @outbox.alarm
      @mutex.synchronize { @threads -= 1 }
      @wakes << true
      add_thread
    end

    # Returns when another thread reads and nothing is ready.
    def serve
      loop do
        read if claim
        run_ready
        @outbox.flush
        return if @reading && !@executor.ready?
      end
    end

    # @return [Boolean] whether this thread is now the one that reads
    def claim
      @mutex.synchronize { !@reading && (@reading = true) }
    end

    def read
      wake if @executor.ready?
      code = @turn.call
      @on_end.call(code) if code
      @reading = false
    end

    def run_ready
      while (call = @executor.next_ready)
        wake if !@reading || @executor.ready?
        @executor.run(call)
      end
    end
  end
end
