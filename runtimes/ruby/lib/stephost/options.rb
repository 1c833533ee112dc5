# The command line of the runtime (PROTOCOL.md §7).
require_relative "frames"

module Stephost
  class Options
    class Invalid < StandardError; end

    MAX_IN_FLIGHT_DEFAULT = 16
    LOG_LINES_PER_SECOND_DEFAULT = 1000
    WIRE_DESCRIPTOR_DEFAULT = 3
    USAGE = <<~TEXT.freeze
      usage: stephost-ruby --handlers DIR [--handlers DIR …] [--ignore NAME …] [--max-in-flight N] [--threads N]
             [--frame-bytes-max N] [--log-lines-per-second N] [--wire-descriptor N] [--watch-descriptor N] [--watch-library FILE]
    TEXT

    # @return [Array<String>]
    attr_reader :handlers, :ignore
    # @return [Integer]
    attr_reader :max_in_flight, :frame_bytes_max, :log_lines_per_second, :wire_descriptor
    # @return [Integer, nil]
    attr_reader :watch_descriptor
    # @return [String, nil]
    attr_reader :watch_library

    # @raise [Invalid]
    def initialize(arguments)
      @handlers = []
      @ignore = []
      @max_in_flight = MAX_IN_FLIGHT_DEFAULT
      @frame_bytes_max = Frames::BYTES_MAX_DEFAULT
      @log_lines_per_second = LOG_LINES_PER_SECOND_DEFAULT
      @wire_descriptor = WIRE_DESCRIPTOR_DEFAULT
      arguments.each_slice(2) { |name, value| assign(name, value) }
    end

    # @return [Integer] calls that run at once; more threads than calls would only wait
    def threads
      [@threads || max_in_flight, max_in_flight].min
    end

    private

    def assign(name, value)
      case name
      when "--handlers" then @handlers << text(name, value)
      when "--ignore" then @ignore << text(name, value)
      when "--max-in-flight" then @max_in_flight = count(name, value)
      when "--threads" then @threads = count(name, value)
      when "--frame-bytes-max" then @frame_bytes_max = count(name, value)
      when "--log-lines-per-second" then @log_lines_per_second = count(name, value)
      when "--wire-descriptor" then @wire_descriptor = count(name, value)
      when "--watch-descriptor" then @watch_descriptor = count(name, value)
      when "--watch-library" then @watch_library = text(name, value)
      else raise Invalid, "unknown option #{name}"
      end
    end

    def text(name, value)
      value or raise Invalid, "#{name} needs a value"
    end

    def count(name, value)
      number = Integer(value, 10, exception: false) if value
      return number if number&.positive?

      raise Invalid, "#{name} needs a whole number above 0"
    end
  end
end
