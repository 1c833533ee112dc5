# The process: takes the wire, loads the handlers, says hello, and serves until the host is gone.
require_relative "../stephost"
require_relative "executor"
require_relative "loader"
require_relative "options"
require_relative "outbox"
require_relative "session"
require_relative "stdio"

module Stephost
  module Main
    PROTOCOL = 1
    EXIT_USAGE = 2

    # Never returns. `exit!` everywhere: nothing that handlers registered may delay the end.
    def self.run(arguments)
      options = Options.new(arguments)
      wire = Stdio.take_over
      settle_process
      Process.exit!(serve(options, wire))
    rescue Options::Invalid => error
      warn "stephost-ruby: #{error.message}", Options::USAGE
      Process.exit!(EXIT_USAGE)
    rescue Exception => error # rubocop:disable Lint/RescueException
      fail_with(error)
    end

    def self.serve(options, wire)
      outbox = Outbox.new(wire.output, options.frame_bytes_max)
      loader = Loader.new.load(options.handlers)
      directory = HandlerDirectory.new(loader.handlers)
      executor = Executor.new(
        directory: directory, max_in_flight: options.max_in_flight,
        on_result: outbox.method(:send_result), on_fault: method(:fail_with)
      )
      session = Session.new(
        input: wire.input, outbox: outbox, executor: executor, frame_bytes_max: options.frame_bytes_max
      )
      outbox.send(hello(options, directory, loader.load_failures + directory.load_failures))
      session.run
    end
    private_class_method :serve

    def self.hello(options, directory, load_failures)
      {
        "type" => "hello", "protocol" => PROTOCOL, "runtime" => "ruby", "sdk_version" => VERSION,
        "language_version" => RUBY_VERSION, "pid" => Process.pid, "max_in_flight" => options.max_in_flight,
        "handlers" => directory.handlers.map(&:announcement), "load_failures" => load_failures
      }
    end
    private_class_method :hello

    def self.settle_process
      # Whatever the locale says: documents and source files are UTF-8.
      Encoding.default_external = Encoding::UTF_8
      # Ctrl-C reaches the whole process group, but only the host decides when work ends. Children keep their default.
      trap("INT") {}
      trap("TERM", "SYSTEM_DEFAULT")
    end
    private_class_method :settle_process

    def self.fail_with(error)
      warn "stephost: the Ruby runtime broke: #{error.full_message(highlight: false)}"
      Process.exit!(Session::EXIT_FAULT)
    end
  end
end
