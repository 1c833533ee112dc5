# Adds up an order; the tax comes from `initialization` in the template.
require "stephost"

class PriceOrder < Stephost::StepHandler::Base
  def handler_name = "examples.price_order"

  def call(context)
    items = context.get_input_or("items", [])
    return no_items if items.empty?

    net_cents = items.sum { |item| item[:quantity] * item[:unit_price_cents] }
    tax_cents = (net_cents * config.fetch("tax_percent", 0) / 100r).round
    success(result: {net_cents: net_cents, tax_cents: tax_cents, total_cents: net_cents + tax_cents})
  end

  private

  def no_items
    failure(message: "the order has no items", error_type: "ValidationError", error_code: "NO_ITEMS")
  end
end
