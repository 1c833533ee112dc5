# The first step of a batch: divides the rows among workers.
require "stephost"

class SplitRows < Stephost::StepHandler::Base
  include Stephost::StepHandler::Mixins::Batchable

  def handler_name = "examples.split_rows"

  def call(context)
    rows = context.get_input("rows")
    return no_batches_outcome(reason: "no rows") if rows.zero?

    create_batches_outcome(
      worker_template_name: "process_rows",
      cursor_configs: create_cursor_configs(rows, context.get_input("workers")),
      total_items: rows
    )
  end
end
