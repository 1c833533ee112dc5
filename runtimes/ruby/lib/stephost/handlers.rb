# The base classes under the names that some handler files use. Source of names: handler-api §1.1.
module Stephost
  module Handlers
    module Steps
      API = StepHandler::Api
      Base = StepHandler::Base
      Batchable = StepHandler::Batchable
      Decision = StepHandler::Decision
      Mixins = StepHandler::Mixins

      # @param handler_class [Class]
      # @param config [Hash]
      # @return [StepHandler::Base]
      def self.create(handler_class, config: {})
        handler_class.new(config: config)
      end

      # @return [Boolean] whether instances can run a step
      def self.validate(handler_class)
        return false unless handler_class.is_a?(Class) && handler_class.ancestors.include?(StepHandler::Base)

        [:call, :process].any? { |name| handler_class.method_defined?(name) }
      end
    end
  end
end
