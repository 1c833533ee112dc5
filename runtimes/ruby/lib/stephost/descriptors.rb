# Descriptors and streams: taken before any user code loads, so that nothing it prints can reach the wire (PROTOCOL.md §1).
require_relative "options"

module Stephost
  module Descriptors
    # Two IO objects of the wire's duplex socket, and the numbers of wire and watch (nil: no watch).
    Taken = Struct.new(:input, :output, :numbers) do
      # A forked child must not speak to the host, and must not keep its sockets open either.
      def close
        numbers.compact.each { |number| IO.for_fd(number).close }
      end
    end

    # @return [Taken] closed on exec, so that no child of a handler inherits them
    # @raise [Options::Invalid] a descriptor that is no socket
    def self.take(wire_descriptor:, watch_descriptor:)
      taken = Taken.new(
        socket(wire_descriptor, "rb"), socket(wire_descriptor, "wb"), [wire_descriptor, watch_descriptor]
      )
      taken.output.sync = true
      socket(watch_descriptor, "rb") if watch_descriptor
      # Unbuffered: a fork repeats nothing, and lines of the process stand where they were written.
      $stdout.sync = $stderr.sync = true
      taken
    end

    # Not closed with the object: two objects share the wire, and the watch's thread uses its descriptor alone.
    def self.socket(descriptor, mode)
      io = IO.for_fd(descriptor, mode, autoclose: false)
      raise Options::Invalid, "descriptor #{descriptor} is not a socket" unless io.stat.socket?

      io.close_on_exec = true
      io
    rescue SystemCallError => error
      raise Options::Invalid, "descriptor #{descriptor} cannot be used: #{error.message}"
    end
    private_class_method :socket
  end
end
