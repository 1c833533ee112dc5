# Payloads of the host → checked messages.
require_relative "execute_message"
require_relative "messages"

module Stephost
  # Not for several threads: its unpacker is reused, which halves the cost of a message.
  class Decoder
    def initialize
      @unpacker = MessagePack::Unpacker.new
    end

    # @return [Hash] the message with string keys and every field of PROTOCOL.md §3.2 well-typed
    # @raise [ProtocolViolation] bad_message, unknown_type
    def decode(payload)
      message = unpack(payload)
      Messages.bad("The payload is not a map.") unless message.is_a?(Hash)
      return message if ExecuteMessage.plain?(message)

      Messages.check_plain(message)
      check(message)
      message
    end

    # @return [Object] the one value of a payload, of the kinds that may appear
    # @raise [ProtocolViolation] bad_message
    def read(payload)
      unpack(payload).tap { |value| Messages.check_plain(value) }
    end

    private

    def unpack(payload)
      @unpacker.feed(payload)
      @unpacker.full_unpack
    # The decoder reserves room for an array before it sees that the payload is shorter: hence NoMemoryError.
    rescue EOFError, ArgumentError, RangeError, EncodingError, NoMemoryError, MessagePack::UnpackError => error
      @unpacker.reset
      Messages.bad("The payload is not one msgpack value: #{error.message}.")
    end

    def check(message)
      type = message["type"]
      Messages.bad("The field `type` is missing or not a string.") unless type.is_a?(String)
      return ExecuteMessage.check(message) if type == ExecuteMessage::TYPE

      fields = Messages::FIELDS[type] or raise ProtocolViolation.new("unknown_type", "The type `#{type}` is unknown.")
      fields.each do |name, kind|
        good?(message[name], kind) or Messages.bad("The field `#{name}` of `#{type}` is missing or ill-typed.")
      end
    end

    def good?(value, kind)
      case kind
      when :string then value.is_a?(String)
      when :string_or_nil then value.nil? || value.is_a?(String)
      when :integer then value.is_a?(Integer)
      when :count then value.is_a?(Integer) && value >= 0
      when :boolean then [true, false].include?(value)
      else kind.include?(value)
      end
    end
  end
end
