# The parts of the runtime and how they are joined: everything between the descriptors and the handlers.
require_relative "../stephost"
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

    # Loads the handlers, says hello, and serves until the host is gone or done.
    # @return [Integer] the exit code
    def serve
      guard_output
      loader = Loader.new(ignore: @options.ignore).load(@options.handlers)
      directory = HandlerDirectory.new(loader.handlers)
      session = session_of(directory)
      @outbox.send(hello(directory, loader.load_failures + directory.load_failures))
      suggest_names
      session.run
    end

    private

    def guard_output
      StepStream.install
      ForkGuard.install do
        LogSink.current = nil
        @wire.close
      end
    end

    def session_of(directory)
      executor = Executor.new(
        directory: directory, outbox: @outbox, log_sink: @log_sink, threads: @options.threads,
        max_in_flight: @options.max_in_flight, on_fault: @on_fault, on_drained: method(:drained)
      )
      heartbeat = Heartbeat.new(executor: executor, outbox: @outbox, log_sink: @log_sink).start
      Session.new(
        input: @wire.input, outbox: @outbox, executor: executor, heartbeat: heartbeat,
        frame_bytes_max: @options.frame_bytes_max
      )
    end

    def hello(directory, load_failures)
      {
        "type" => "hello", "protocol" => PROTOCOL, "runtime" => "ruby", "sdk_version" => VERSION,
        "language_version" => RUBY_VERSION, "pid" => Process.pid, "watch" => @watch, "max_in_flight" => @options.max_in_flight,
        "handlers" => directory.handlers.map(&:announcement), "load_failures" => load_failures
      }
    end

    # The host may start Ruby without it, because nobody needs it before hello.
    def suggest_names
      require "did_you_mean"
    rescue LoadError
      nil
    end

    # The last call is finished after `reload`; the session still waits for the host.
    def drained
      @outbox.flush
      Process.exit!(Session::EXIT_DONE)
    end
  end
end
