# The command line of the runtime.
require_relative "frames"

module Stephost
  class Options
    class Invalid < StandardError; end

    MAX_IN_FLIGHT_DEFAULT = 10
    USAGE = "usage: stephost-ruby --handlers DIR [--handlers DIR …] [--max-in-flight N] [--frame-bytes-max N]"

    # @return [Array<String>]
    attr_reader :handlers
    # @return [Integer]
    attr_reader :max_in_flight, :frame_bytes_max

    # @raise [Invalid]
    def initialize(arguments)
      @handlers = []
      @max_in_flight = MAX_IN_FLIGHT_DEFAULT
      @frame_bytes_max = Frames::BYTES_MAX_DEFAULT
      arguments.each_slice(2) { |name, value| assign(name, value) }
    end

    private

    def assign(name, value)
      case name
      when "--handlers" then @handlers << (value or raise Invalid, "--handlers needs a directory")
      when "--max-in-flight" then @max_in_flight = count(name, value)
      when "--frame-bytes-max" then @frame_bytes_max = count(name, value)
      else raise Invalid, "unknown option #{name}"
      end
    end

    def count(name, value)
      number = Integer(value, 10, exception: false) if value
      return number if number&.positive?

      raise Invalid, "#{name} needs a whole number above 0"
    end
  end
end
