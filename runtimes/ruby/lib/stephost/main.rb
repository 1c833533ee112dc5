# The process: takes its descriptors, starts the watch, and serves until the host is gone.
require_relative "bundle"
require_relative "descriptors"
require_relative "options"
require_relative "watch"

module Stephost
  module Main
    EXIT_USAGE = 2
    EXIT_FAULT = 70

    # Never returns. `exit!` everywhere: nothing that handlers registered may delay the end.
    def self.run(arguments)
      options = Options.new(arguments)
      wire = Descriptors.take(wire_descriptor: options.wire_descriptor, watch_descriptor: options.watch_descriptor)
      settle_process
      Bundle.activate
      watch = Watch.start(descriptor: options.watch_descriptor, library: options.watch_library)
      # Only now: what it requires must come from the bundle.
      require_relative "runtime"
      Runtime.new(options: options, wire: wire, watch: watch, on_fault: method(:fail_with)).serve
    rescue Options::Invalid => error
      warn "stephost-ruby: #{error.message}", Options::USAGE
      Process.exit!(EXIT_USAGE)
    rescue Bundle::Broken => error
      warn "stephost-ruby: #{error.message}"
      Process.exit!(EXIT_FAULT)
    rescue Exception => error # rubocop:disable Lint/RescueException
      fail_with(error)
    end

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
      Process.exit!(EXIT_FAULT)
    end
  end
end
