# What a decision asks orchestration for: branches by name, or none. Source: handler-api §0.4, §1.1.
require_relative "errors"

module Stephost
  module Types
    module DecisionPointOutcome
      NoBranches = Struct.new(:type) do
        def step_names
          []
        end
      end

      CreateSteps = Struct.new(:type, :step_names)

      def self.no_branches
        NoBranches.new("no_branches")
      end

      # @param step_names [Array<String, Symbol>] steps of the template that the decision may create
      # @raise [Errors::PermanentError] INVALID_DECISION_OUTCOME: no names, or names that are empty
      def self.create_steps(step_names)
        names = Array(step_names).map(&:to_s)
        invalid("`create_steps` needs step names, got #{step_names.inspect}") if names.empty? || names.any?(&:empty?)
        CreateSteps.new("create_steps", names)
      end

      # @param hash [Hash] `type`, and with `create_steps` the `step_names`; keys are strings or symbols
      # @raise [Errors::PermanentError] INVALID_DECISION_OUTCOME
      def self.from_hash(hash)
        fields = hash.to_h.transform_keys(&:to_s)
        case fields["type"]
        when "no_branches" then no_branches
        when "create_steps" then create_steps(fields["step_names"])
        else invalid("its type is #{fields["type"].inspect}; it may be \"create_steps\" or \"no_branches\"")
        end
      end

      def self.invalid(problem)
        raise Errors::PermanentError.new("The decision is not valid: #{problem}.", error_code: "INVALID_DECISION_OUTCOME")
      end
      private_class_method :invalid
    end
  end
end
