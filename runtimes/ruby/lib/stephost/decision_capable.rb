# Decisions: `include TaskerCore::StepHandler::Mixins::Decision` and say which branches run. Source: handler-api §1.1.
require_relative "decision_point_outcome"
require_relative "step_handler"

module Stephost
  module StepHandler
    module Mixins
      module Decision
        def capabilities
          [*super, "decision"]
        end

        # @param steps [String, Array<String>] the branches to create
        # @param result_data [Hash] beside the decision in the step's result
        # @raise [Errors::PermanentError] INVALID_DECISION_OUTCOME: there are no steps
        def decision_success(steps:, result_data: {}, metadata: {})
          decided(Types::DecisionPointOutcome.create_steps(steps), result_data, metadata)
        end

        # No branch runs.
        def decision_no_branches(result_data: {}, metadata: {})
          decided(Types::DecisionPointOutcome.no_branches, result_data, metadata)
        end
        alias_method :skip_branches, :decision_no_branches

        # @param outcome [Hash, Types::DecisionPointOutcome::NoBranches, Types::DecisionPointOutcome::CreateSteps]
        def decision_with_custom_outcome(outcome:, result_data: {}, metadata: {})
          decided(validate_decision_outcome!(outcome), result_data, metadata)
        end

        # @return [Types::DecisionPointOutcome::NoBranches, Types::DecisionPointOutcome::CreateSteps]
        # @raise [Errors::PermanentError] INVALID_DECISION_OUTCOME
        def validate_decision_outcome!(outcome)
          Types::DecisionPointOutcome.from_hash(outcome.respond_to?(:to_h) ? outcome.to_h : {type: outcome})
        end

        private

        def decided(outcome, result_data, metadata)
          about = {
            decision_point: true, outcome_type: outcome.type, branches_created: outcome.step_names.size,
            processed_at: Time.now.utc.iso8601, processed_by: handler_name
          }
          success(result: {**result_data.to_h, decision_point_outcome: outcome.to_h}, metadata: about.merge(metadata))
        end
      end
    end

    # The class from before mixins.
    class Decision < Base
      include Mixins::Decision
    end
  end
end
