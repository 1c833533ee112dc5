# `$stdout` and `$stderr` that know which step prints: its lines become log messages, all others go to the descriptor.
require_relative "log_sink"
require_relative "step_run"

module Stephost
  # Extends the IO objects themselves, so that the constants, loggers and libraries that hold them are covered too.
  class StepStream < Module
    def self.install
      out = new("stdout")
      error = new("stderr")
      $stdout.extend(out)
      $stderr.extend(error)
      # Ruby writes its own lines (`warn`, a thread that died) past the first object of descriptor 2, but through any other.
      $stderr = IO.for_fd($stderr.fileno, "w", autoclose: false).tap { |io| io.sync = true }.extend(error)
    end

    # @return [String] of a line that was printed
    def self.level(name)
      (name == "stderr") ? "warn" : "info"
    end

    # @param name [String] `stdout` or `stderr`
    def initialize(name)
      super()
      stream = self
      # `puts`, `print`, `p`, `warn`, `<<`, `printf` and `putc` end here.
      define_method(:write) do |*texts|
        run = StepRun.current
        (run && LogSink.current) ? stream.print(name, run, texts) : super(*texts)
      end
    end

    # @return [Integer] bytes
    def print(name, run, texts)
      text = (texts.size == 1) ? texts.first.to_s : texts.map { |item| LineBuffer.bytes_of(item.to_s) }.join
      run.printed(name, text) do |line|
        LogSink.current&.write(step_uuid: run.step_uuid, stream: name, level: StepStream.level(name), line: line)
      end
      text.bytesize
    end
  end
end
