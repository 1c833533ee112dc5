# The parts of the runtime and how they are joined: everything between the descriptors and the handlers.
require_relative "../stephost"
require_relative "crew"
require_relative "event_code"
require_relative "executor"
require_relative "fork_guard"
require_relative "heartbeat"
require_relative "loader"
require_relative "log_sink"
require_relative "outbox"
require_relative "session"
require_relative "step_stream"

module Stephost
  class Runtime
    PROTOCOL = 2
    # Free places for objects that the collector should start with.
    ROOM_OBJECTS = 50_000

    # @param wire [Descriptors::Taken]
    # @param watch [Boolean] for `hello`
    # @param on_fault [#call] takes an exception of the runtime itself and does not return
    def initialize(options:, wire:, watch:, on_fault:)
      @options = options
      @wire = wire
      @watch = watch
      @on_fault = on_fault
      @outbox = Outbox.new(wire.output, options.frame_bytes_max).start
      @log_sink = LogSink.new(@outbox, options.log_lines_per_second)
      LogSink.current = @log_sink
    end

    # Loads the handlers, says hello, and serves until the host is gone or done. Never returns.
    def serve
      guard_output
      loader = Loader.new(ignore: @options.ignore).load(@options.handlers)
      directory = HandlerDirectory.new(loader.handlers)
      event_code = EventCode.new(loader.event_places)
      crew = crew_of(directory, event_code)
      @outbox.send(hello(directory, loader.load_failures + directory.load_failures).merge(event_code.announcement))
      suggest_names
      make_room
      crew.start
      sleep
    end

    private

    def guard_output
      StepStream.install
      ForkGuard.install do
        LogSink.current = nil
        @wire.close
      end
    end

    def crew_of(directory, event_code)
      executor = Executor.new(
        directory: directory, event_code: event_code, outbox: @outbox, log_sink: @log_sink, threads: @options.threads,
        max_in_flight: @options.max_in_flight, on_fault: @on_fault, on_drained: method(:drained)
      )
      heartbeat = Heartbeat.new(executor: executor, outbox: @outbox, log_sink: @log_sink).start
      session = Session.new(
        input: @wire.input, outbox: @outbox, executor: executor, heartbeat: heartbeat,
        frame_bytes_max: @options.frame_bytes_max
      )
      Crew.new(
        turn: session.method(:turn), executor: executor, outbox: @outbox, threads: @options.threads,
        on_end: Process.method(:exit!), on_fault: @on_fault
      )
    end

    def hello(directory, load_failures)
      {
        "type" => "hello", "protocol" => PROTOCOL, "runtime" => "ruby", "sdk_version" => VERSION,
        "language_version" => RUBY_VERSION, "pid" => Process.pid, "watch" => @watch, "max_in_flight" => @options.max_in_flight,
        "handlers" => directory.handlers.map(&:announcement), "load_failures" => load_failures, "resolvers" => directory.resolvers
      }
    end

    # The host may start Ruby without it, because nobody needs it before hello.
    def suggest_names
      require "did_you_mean"
    rescue LoadError
      nil
    end

    # Ruby grows its heap only as far as it must; a heap that is nearly full is collected every few calls.
    def make_room
      Array.new(ROOM_OBJECTS) { Object.new }
    end

    # The last call is finished after `reload`; the session still waits for the host.
    def drained
      @outbox.flush
      Process.exit!(Session::EXIT_DONE)
    end
  end
end
