# A hash whose keys may be asked for as strings or symbols, as handlers expect of contexts and results.
module Stephost
  class IndifferentHash < Hash
    # Copies a value; every hash in it, at any depth, becomes indifferent.
    def self.wrap(value)
      case value
      when IndifferentHash then value
      when Hash then value.each_with_object(new) { |(key, item), copy| copy[key] = item }
      when Array then value.map { |item| wrap(item) }
      else value
      end
    end

    def []=(key, value)
      super(key.is_a?(Symbol) ? key.name : key, IndifferentHash.wrap(value))
    end
    alias_method :store, :[]=

    def [](key)
      super(plain(key))
    end

    def fetch(key, *default, &block)
      super(plain(key), *default, &block)
    end

    def key?(key)
      super(plain(key))
    end
    alias_method :has_key?, :key?
    alias_method :include?, :key?
    alias_method :member?, :key?

    def dig(key, *rest)
      super(plain(key), *rest)
    end

    def delete(key, &block)
      super(plain(key), &block)
    end

    def values_at(*keys)
      super(*keys.map { |key| plain(key) })
    end

    def fetch_values(*keys, &block)
      super(*keys.map { |key| plain(key) }, &block)
    end

    def slice(*keys)
      IndifferentHash.wrap(super(*keys.map { |key| plain(key) }).to_h)
    end

    def except(*keys)
      IndifferentHash.wrap(super(*keys.map { |key| plain(key) }).to_h)
    end

    def dup
      IndifferentHash.new.update(self)
    end

    def update(*others)
      others.each do |other|
        other.each do |key, value|
          self[key] = (block_given? && key?(key)) ? yield(key, self[key], value) : value
        end
      end
      self
    end
    alias_method :merge!, :update

    def merge(*others, &block)
      dup.update(*others, &block)
    end

    def with_indifferent_access
      dup
    end

    # @return [Hash] an ordinary hash with string keys; inner hashes too
    def to_hash
      deep(self) { |key| key }
    end

    def symbolize_keys
      each_with_object({}) { |(key, value), plain| plain[key.to_sym] = value }
    end

    def deep_symbolize_keys
      deep(self, &:to_sym)
    end

    private

    def plain(key)
      key.is_a?(Symbol) ? key.name : key
    end

    def deep(value, &key_of)
      case value
      when Hash then value.each_with_object({}) { |(key, item), copy| copy[key_of.call(key)] = deep(item, &key_of) }
      when Array then value.map { |item| deep(item, &key_of) }
      else value
      end
    end
  end
end
