# The few methods of ActiveSupport that handlers written for Tasker lean on, for projects without it.
module Stephost
  # Refinements would not reach handler files, so the methods are really added, each only where nothing has it.
  module ActiveSupportPieces
    SECONDS = {second: 1, minute: 60, hour: 3600, day: 86_400, week: 604_800}.freeze

    module Durations
      SECONDS.each do |unit, seconds|
        define_method(unit) { self * seconds }
        define_method(:"#{unit}s") { self * seconds }
      end

      # @return [Time] so many seconds ago
      def ago(time = Time.now)
        time - self
      end

      def from_now(time = Time.now)
        time + self
      end
    end

    module Keys
      def deep_symbolize_keys
        Keys.deep(self) { |key| key.respond_to?(:to_sym) ? key.to_sym : key }
      end

      def deep_stringify_keys
        Keys.deep(self, &:to_s)
      end

      def symbolize_keys
        transform_keys { |key| key.respond_to?(:to_sym) ? key.to_sym : key }
      end

      def stringify_keys
        transform_keys(&:to_s)
      end

      def with_indifferent_access
        IndifferentHash.wrap(self)
      end

      def self.deep(value, &rename)
        case value
        when Hash then value.to_h { |key, item| [rename.call(key), deep(item, &rename)] }
        when Array then value.map { |item| deep(item, &rename) }
        else value
        end
      end
    end

    module Blankness
      def blank?
        respond_to?(:empty?) ? !!(is_a?(String) ? strip.empty? : empty?) : !self
      end

      def present?
        !blank?
      end

      def presence
        self if present?
      end
    end

    def self.install
      add(Durations, Numeric)
      add(Keys, Hash)
      add(Blankness, Object)
      Object.const_set(:HashWithIndifferentAccess, IndifferentHash) unless Object.const_defined?(:HashWithIndifferentAccess)
    end

    # A method that ActiveSupport, or anybody, gave the class stays.
    def self.add(pieces, target)
      pieces.instance_methods.each do |name|
        target.define_method(name, pieces.instance_method(name)) unless target.method_defined?(name)
      end
    end
    private_class_method :add
  end
end
