# The ways in which a callable becomes a handler, and the base classes for authors' own. Source: handler-api §1.1, §2.
require_relative "errors"

module Stephost
  module Registry
    module Resolvers
      # Subclass it and add an instance: `HandlerRegistry.instance.add_resolver(Mine.new)`. The host learns of the callables
      # that `registered_callables` names.
      class BaseResolver
        # @return [String] what a template writes under `handler.resolver`
        def name
          Declarations.snake_case(self.class.name || "resolver")
        end

        # @return [Integer] lower ones are asked first; explicit mapping has 10, constants 100
        def priority
          50
        end

        # @param definition [HandlerDefinition]
        # @param _config [Hash]
        def can_resolve?(definition, _config = {})
          registered_callables.include?(definition.callable)
        end

        # @return [Object, Class, nil] a handler or its class
        def resolve(_definition, _config = {})
          raise NotImplementedError, "#{self.class} has no `resolve(definition, config)`."
        end

        # @return [Array<String>]
        def registered_callables
          []
        end
      end

      # Declares by macros what it resolves; `resolve_handler` may do the rest.
      class RegistryResolver < BaseResolver
        class << self
          # @param pattern [Regexp] callables that it resolves
          def handles_pattern(pattern = nil)
            @pattern = pattern if pattern
            @pattern
          end

          # @param prefix [String] with which its callables begin
          def handles_prefix(prefix = nil)
            @prefix = prefix if prefix
            @prefix
          end

          def register_handler(callable, handler_class)
            handlers[callable.to_s] = handler_class
          end

          def priority_value(value = nil)
            @priority = value if value
            @priority || 50
          end

          def resolver_name(name = nil)
            @name = name.to_s if name
            @name
          end

          def handlers
            @handlers ||= {}
          end
        end

        def name
          self.class.resolver_name || super
        end

        def priority
          self.class.priority_value
        end

        def can_resolve?(definition, config = {})
          callable = definition.callable
          super || self.class.handles_pattern&.match?(callable) ||
            (!self.class.handles_prefix.nil? && callable.start_with?(self.class.handles_prefix))
        end

        def resolve(definition, config = {})
          self.class.handlers[definition.callable] || resolve_handler(definition, config)
        end

        # @return [Object, Class, nil] for callables that are not registered
        def resolve_handler(_definition, _config)
          nil
        end

        def registered_callables
          self.class.handlers.keys
        end
      end

      # Marks the resolvers that every chain has.
      module BuiltIn; end

      # Names that were registered.
      class ExplicitMappingResolver < BaseResolver
        include BuiltIn

        def initialize
          super
          @handlers = {}
        end

        def name
          "explicit_mapping"
        end

        def priority
          10
        end

        def register(callable, handler_class)
          @handlers[callable] = handler_class
        end

        def resolve(definition, _config = {})
          @handlers[definition.callable]
        end

        def registered_callables
          @handlers.keys
        end
      end

      # Constant paths of classes that are loaded.
      class ClassConstantResolver < BaseResolver
        include BuiltIn

        def name
          "class_constant"
        end

        def priority
          100
        end

        def can_resolve?(definition, _config = {})
          definition.callable.match?(/\A[A-Z]\w*(::[A-Z]\w*)*\z/) && Object.const_defined?(definition.callable)
        end

        def resolve(definition, _config = {})
          found = Object.const_get(definition.callable)
          found if found.is_a?(Class) && found.method_defined?(:call)
        end
      end
    end
  end
end
