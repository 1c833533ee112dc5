# Bytes ↔ frames: a u32 big-endian length, then the payload (PROTOCOL.md §2). No I/O happens here.
require_relative "protocol_violation"

module Stephost
  module Frames
    BYTES_MAX_DEFAULT = 16_777_216
    HEADER_BYTES = 4

    # @param payload [String] at least one byte
    # @return [String] the frame
    def self.encode(payload)
      [payload.bytesize].pack("N") << payload
    end

    # Cuts a stream that arrives in any pieces into payloads.
    class Reader
      def initialize(frame_bytes_max)
        @frame_bytes_max = frame_bytes_max
        @buffer = String.new(encoding: Encoding::BINARY)
      end

      # Yields each payload that is now complete. Those before a bad frame are still delivered.
      # @raise [ProtocolViolation] frame_empty, frame_too_large
      def feed(bytes)
        @buffer << bytes
        offset = 0
        while (length = length_at(offset)) && offset + HEADER_BYTES + length <= @buffer.bytesize
          yield @buffer.byteslice(offset + HEADER_BYTES, length)
          offset += HEADER_BYTES + length
        end
        @buffer = @buffer.byteslice(offset..) if offset.positive?
      end

      private

      def length_at(offset)
        return if offset + HEADER_BYTES > @buffer.bytesize

        length = @buffer.unpack1("N", offset: offset)
        raise ProtocolViolation.new("frame_empty", "A frame has the length 0.") if length.zero?
        return length if length <= @frame_bytes_max

        raise ProtocolViolation.new(
          "frame_too_large", "A frame of #{length} bytes is above the limit of #{@frame_bytes_max} bytes."
        )
      end
    end
  end
end
