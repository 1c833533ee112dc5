# The logger of handlers: its records carry level, fields and step; outside the runtime it writes lines to stderr.
require "logger"
require_relative "json_text"
require_relative "log_sink"
require_relative "step_run"

module Stephost
  class StepLogger < ::Logger
    WORDS = {DEBUG => "debug", INFO => "info", WARN => "warn"}.freeze
    WORD_ABOVE = "error"
    BACKTRACE_LINES_MAX = 20

    def initialize
      super($stderr)
    end

    # `logger.info("reserved", sku: "a1")`: what is given by name becomes the fields of the record.
    {debug: DEBUG, info: INFO, warn: WARN, error: ERROR, fatal: FATAL, unknown: UNKNOWN}.each do |name, severity|
      define_method(name) do |message = nil, **fields, &block|
        log(severity, message, fields, &block)
      end
    end

    def add(severity, message = nil, progname = nil, &block)
      log(severity || UNKNOWN, message || progname, {}, &block)
    end
    alias_method :log_record, :add

    private

    def log(severity, message, fields)
      return true if severity < level

      message = yield if block_given?
      sink = LogSink.current
      return print_line(severity, message, fields) if sink.nil?

      step_uuid = StepRun.current&.step_uuid
      document = fields.empty? ? nil : fields_text(fields)
      word = WORDS.fetch(severity, WORD_ABOVE)
      text_of(message).each_line(chomp: true) do |line|
        sink.write(step_uuid: step_uuid, stream: "log", level: word, line: line, fields: document)
      end
      true
    end

    def print_line(severity, message, fields)
      text = text_of(message)
      text += " #{fields_text(fields)}" unless fields.empty?
      $stderr.write(format_message(format_severity(severity), Time.now, nil, text))
      true
    end

    def text_of(message)
      return LineBuffer.bytes_of(message).force_encoding(Encoding::UTF_8).scrub if message.is_a?(String)
      return message.inspect unless message.is_a?(Exception)

      ["#{message.message} (#{message.class})", *message.backtrace&.first(BACKTRACE_LINES_MAX)].join("\n").scrub
    end

    # A record matters more than what hangs on it: a value without a JSON form is shown as Ruby shows it.
    def fields_text(fields)
      JsonText.write(fields, root: "fields")
    rescue JsonText::Unwritable
      JsonText.write(fields.transform_values { |value| value.inspect.scrub.delete("\0") }, root: "fields")
    end
  end
end
