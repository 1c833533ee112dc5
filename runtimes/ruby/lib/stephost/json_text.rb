# JSON documents ↔ Ruby values: numbers stay exact, and what jsonb cannot hold is refused with the place.
require "json"
require_relative "indifferent_hash"

module Stephost
  module JsonText
    DEPTH_MAX = 200
    # Documents from PostgreSQL may be deeper than results; above this the C parser's stack is at risk.
    PARSE_DEPTH_MAX = 1000
    # The metadata of most results.
    EMPTY_OBJECT = "{}".freeze

    # A value that has no JSON form; the message names the place, the reason and the cure.
    class Unwritable < StandardError; end

    # @return [IndifferentHash, Array, String, Integer, Float, true, false, nil]
    # @raise [JSON::ParserError]
    def self.parse(text)
      JSON.parse(text, object_class: IndifferentHash, max_nesting: PARSE_DEPTH_MAX)
    end

    # @param root [String] what the value is called in messages
    # @return [String] the text of one JSON value
    # @raise [Unwritable]
    def self.write(value, root: "result")
      return EMPTY_OBJECT if value.is_a?(Hash) && value.empty?

      Writer.new(root).write(value)
    end

    # Writes one value. It walks by itself because JSON.generate turns any object into `#<Object…>`.
    class Writer
      def initialize(root)
        @path = [root]
        @out = +""
      end

      def write(value)
        append(value)
        @out
      end

      private

      def append(value)
        case value
        when nil then @out << "null"
        when true, false, Integer then @out << value.to_s
        when String then append_string(value)
        when Symbol then append_string(value.name)
        when Float then append_float(value)
        when Hash then append_hash(value)
        when Array then append_array(value)
        else append(convert(value))
        end
      end

      # Objects that say themselves how they look as data: structs, times, sets, decimals.
      def convert(value)
        return value.to_h if value.is_a?(Struct)
        return value.iso8601 if value.respond_to?(:iso8601)
        return value.to_s("F") if defined?(BigDecimal) && value.is_a?(BigDecimal)
        return value.to_a if defined?(Set) && value.is_a?(Set)
        return value.to_h if value.respond_to?(:to_h) && !value.is_a?(Enumerable)

        refuse("is a #{value.class}, which has no JSON form; return hashes, arrays, strings, numbers, booleans or nil")
      end

      def append_hash(hash)
        nested do
          @out << "{"
          hash.each_with_index do |(key, item), index|
            @out << "," unless index.zero?
            key = key.to_s
            @path << ".#{key}"
            append_string(key)
            @out << ":"
            append(item)
            @path.pop
          end
          @out << "}"
        end
      end

      def append_array(array)
        nested do
          @out << "["
          array.each_with_index do |item, index|
            @out << "," unless index.zero?
            @path << "[#{index}]"
            append(item)
            @path.pop
          end
          @out << "]"
        end
      end

      # The limit also ends a structure that contains itself.
      def nested
        @depth = (@depth || 0) + 1
        refuse("nests deeper than #{DEPTH_MAX} or contains itself; return a flatter structure") if @depth > DEPTH_MAX
        yield
        @depth -= 1
      end

      def append_string(text)
        text = text.encode(Encoding::UTF_8)
        refuse("is not valid UTF-8; encode or scrub it, or send bytes as Base64") unless text.valid_encoding?
        refuse("holds a NUL character, which jsonb cannot store; remove it") if text.include?("\0")
        @out << JSON.generate(text)
      rescue EncodingError
        refuse("is not valid UTF-8; encode or scrub it, or send bytes as Base64")
      end

      def append_float(number)
        refuse("is #{number.nan? ? "NaN" : "infinite"}; return a finite number or nil") unless number.finite?
        @out << JsonText.positional(number.to_s)
      end

      def refuse(problem)
        place = @path.join
        place = "#{place[0, 200].scrub}…" if place.length > 200
        raise Unwritable, "`#{place.scrub}` #{problem}."
      end
    end

    # jsonb makes an integer of `1.0e+16`, so large floats are written with all digits and `.0`.
    def self.positional(text)
      mantissa, exponent = text.split("e+")
      return text if exponent.nil?

      sign = mantissa.delete_prefix!("-") ? "-" : ""
      whole, fraction = mantissa.split(".")
      fraction = "" if fraction == "0"
      "#{sign}#{whole}#{fraction.ljust(exponent.to_i, "0")}.0"
    end
  end
end
