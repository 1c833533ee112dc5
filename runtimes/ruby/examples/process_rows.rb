# A worker of a batch: does its share, and may put down how far it came to go on from there.
require "stephost"

class ProcessRows < Stephost::StepHandler::Base
  include Stephost::StepHandler::Mixins::Batchable

  def handler_name = "examples.process_rows"

  def call(context)
    batch = get_batch_context(context)
    handle_no_op_worker(batch) || process_rows(batch, context.get_config("yield_every"))
  end

  private

  def process_rows(batch, yield_every)
    from = batch.checkpoint_cursor || batch.start_cursor
    to = yield_every ? [from + yield_every, batch.end_cursor].min : batch.end_cursor
    sum = (batch.accumulated_results&.fetch("sum") || 0) + (from...to).sum
    done = to - batch.start_cursor
    return checkpoint_yield(cursor: to, items_processed: done, accumulated_results: {sum: sum}) if to < batch.end_cursor

    batch_worker_success(items_processed: done, items_succeeded: done, last_cursor: to, results: {sum: sum})
  end
end
