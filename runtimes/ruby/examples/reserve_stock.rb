# A handler as a block: what it needs of other steps and of the task arrives as keyword arguments.
require "stephost"

include Stephost::StepHandler::Functional

step_handler "examples.reserve_stock", depends_on: {price: "price_order"}, inputs: [:warehouse] do |price:, warehouse:|
  raise Stephost::Errors::PermanentError, "the task names no `warehouse`" if warehouse.nil?

  {warehouse: warehouse, reserved_cents: price[:total_cents]}
end
