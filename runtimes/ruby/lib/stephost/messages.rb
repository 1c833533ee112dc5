# Frames' payloads ↔ messages: msgpack maps, checked on arrival (PROTOCOL.md §3). No I/O happens here.
require "msgpack"
require_relative "protocol_violation"

module Stephost
  module Messages
    INTEGER_MAX = (2**53) - 1
    REQUEST_FIELDS = {
      "step_uuid" => :string, "task_uuid" => :string, "correlation_id" => :string, "step_name" => :string,
      "attempts" => :integer, "task" => :string, "workflow_step" => :string, "dependency_results" => :string,
      "step_definition" => :string
    }.freeze
    # What the host sends, field by field; a list names the words that are allowed.
    FIELDS = {
      "execute" => {
        "call_id" => :string, "mode" => %w[single batch], "callable" => :string, "method" => :string_or_nil,
        "resolver" => :string_or_nil, "deadline_ms" => :integer, "requests" => :array
      },
      "cancel" => {"call_id" => :string, "reason" => %w[timeout shutdown lease_lost]},
      "ping" => {"nonce" => :integer},
      "shutdown" => {},
      "error" => {"code" => :string, "message" => :string}
    }.freeze

    # @param message [Hash] string keys; the caller builds it from checked parts
    # @return [String] the payload
    def self.encode(message)
      MessagePack.pack(message)
    end

    # @return [Hash] the message with string keys and every field of FIELDS well-typed
    # @raise [ProtocolViolation] bad_message, unknown_type
    def self.decode(payload)
      message = read(payload)
      bad("The payload is not a map.") unless message.is_a?(Hash)
      type = message["type"]
      bad("The field `type` is missing or not a string.") unless type.is_a?(String)
      fields = FIELDS[type] or raise ProtocolViolation.new("unknown_type", "The type `#{type}` is unknown.")
      check_fields(message, fields, type)
      check_requests(message) if type == "execute"
      message
    end

    # @return [Object] the one value of a payload, of the kinds that may appear
    # @raise [ProtocolViolation] bad_message
    def self.read(payload)
      MessagePack.unpack(payload).tap { |value| check_plain(value) }
    # The decoder reserves room for an array before it sees that the payload is shorter: hence NoMemoryError.
    rescue EOFError, ArgumentError, RangeError, EncodingError, NoMemoryError, MessagePack::UnpackError => error
      bad("The payload is not one msgpack value: #{error.message}.")
    end

    # Only what JSON's envelope needs may appear, at any depth and in unknown fields too.
    def self.check_plain(value)
      case value
      when nil, true, false then nil
      when Integer then bad("An integer is beyond ±(2^53-1).") if value.abs > INTEGER_MAX
      when String then check_text(value)
      when Array then value.each { |item| check_plain(item) }
      when Hash
        value.each do |key, item|
          bad("A map has a key that is not a string.") unless key.is_a?(String)
          check_text(key)
          check_plain(item)
        end
      else bad("A value of the kind #{value.class} must not appear.")
      end
    end
    private_class_method :check_plain

    def self.check_text(text)
      bad("Binary data must not appear.") unless text.encoding == Encoding::UTF_8
      bad("A string is not valid UTF-8.") unless text.valid_encoding?
    end
    private_class_method :check_text

    def self.check_fields(map, fields, owner)
      fields.each do |name, kind|
        value = map[name]
        good = case kind
        when :string then value.is_a?(String)
        when :string_or_nil then value.nil? || value.is_a?(String)
        when :integer then value.is_a?(Integer)
        when :array then value.is_a?(Array)
        else kind.include?(value)
        end
        bad("The field `#{name}` of `#{owner}` is missing or ill-typed.") unless good
      end
    end
    private_class_method :check_fields

    def self.check_requests(message)
      requests = message["requests"]
      bad("`requests` is empty.") if requests.empty?
      bad("`single` takes one request.") if message["mode"] == "single" && requests.size != 1
      requests.each do |request|
        bad("A request is not a map.") unless request.is_a?(Hash)
        check_fields(request, REQUEST_FIELDS, "requests")
      end
    end
    private_class_method :check_requests

    def self.bad(message)
      raise ProtocolViolation.new("bad_message", message)
    end
    private_class_method :bad
  end
end
