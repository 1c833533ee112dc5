# frozen_string_literal: true

# Reserves every line of a validated order, or none of them.

require "stephost"

module Shop
  class ReserveStock < Stephost::StepHandler::Base
    # Stands for the warehouse; an article that is not listed is plentiful.
    ON_HAND = {"SOLD-OUT" => 0, "POT-1" => 3}.freeze

    def call(context)
      lines = context.get_dependency_field("validate_order", "lines")
      short = lines.find { |line| line["quantity"] > ON_HAND.fetch(line["sku"], 1_000) }
      if short
        # Waiting does not bring it back, so no retry: the task stops here and says why.
        return failure(message: "#{short["sku"]} is sold out", error_type: "PermanentError",
          error_code: "OUT_OF_STOCK", retryable: false, metadata: {sku: short["sku"]})
      end

      success(result: {
        reservation_id: "R-#{context.task_uuid[0, 8]}",
        warehouse: context.get_config("warehouse"),
        items: lines.sum { |line| line["quantity"] }
      })
    end
  end
end
