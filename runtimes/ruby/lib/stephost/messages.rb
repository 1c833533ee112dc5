# Frames' payloads ↔ messages: msgpack maps, checked on arrival (PROTOCOL.md §3). No I/O happens here.
require "msgpack"
require_relative "protocol_violation"

module Stephost
  module Messages
    UTF_8 = Encoding::UTF_8
    INTEGER_MAX = (2**53) - 1
    # What the host sends, field by field; a list names the words that are allowed. `execute` has checks of its own.
    FIELDS = {
      "cancel" => {"call_id" => :string, "reason" => %w[timeout shutdown lease_lost], "grace_ms" => :count},
      "checkpointed" => {
        "call_id" => :string, "checkpoint_id" => :integer, "stored" => :boolean, "message" => :string_or_nil
      },
      "reload" => {},
      "ping" => {"nonce" => :integer},
      "shutdown" => {},
      "error" => {"code" => :string, "message" => :string}
    }.freeze

    # @param message [Hash] string keys; the caller builds it from checked parts
    # @return [String] the payload
    def self.encode(message)
      MessagePack.pack(message)
    end

    # What was wrong with a payload, as the error that ends the session.
    def self.bad(message)
      raise ProtocolViolation.new("bad_message", message)
    end

    # Only what JSON's envelope needs may appear, at any depth and in unknown fields too.
    # @raise [ProtocolViolation] bad_message
    def self.check_plain(value)
      case value
      when nil, true, false then nil
      when Integer then integer?(value) or bad("An integer is beyond ±(2^53-1).")
      when String then text?(value) or bad("A string is binary data or not valid UTF-8.")
      when Array then value.each { |item| check_plain(item) }
      when Hash
        value.each do |key, item|
          text?(key) or bad("A map has a key that is not a string of valid UTF-8.")
          check_plain(item)
        end
      else bad("A value of the kind #{value.class} must not appear.")
      end
    end

    def self.text?(value)
      value.is_a?(String) && value.encoding.equal?(UTF_8) && value.valid_encoding?
    end

    def self.integer?(value)
      value.is_a?(Integer) && value.between?(-INTEGER_MAX, INTEGER_MAX)
    end
  end
end
