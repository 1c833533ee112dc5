# Many steps in one call: the host gathers up to a hundred of them, the first waits at most 20 ms.
require "stephost"

class InsertRows < Stephost::StepHandler::Base
  batch max_size: 100, max_wait_ms: 20

  def handler_name = "examples.insert_rows"

  def process_batch(contexts)
    rows = contexts.map { |context| context.get_input("row") }
    # What is raised here fails nobody yet: the host then gives the steps one by one.
    raise "row 13 breaks the whole statement" if rows.include?(13)

    rows.map { |row| row.negative? ? failure(message: "row #{row} is negative") : {row: row, batch_size: rows.size} }
  end
end
