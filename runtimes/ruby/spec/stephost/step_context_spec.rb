# Every accessor of the context.
RSpec.describe Stephost::Types::StepContext do
  def context(task_context = {}, step: {}, dependencies: {}, initialization: {}, cancellation: Stephost::Cancellation.new)
    described_class.new(
      {
        task: {task: {task_uuid: "t1", context: task_context}, task_name: "order", task_version: "1.0.0", namespace_name: "shop"},
        workflow_step: {workflow_step_uuid: "s1", name: "ship"}.merge(step),
        dependency_results: dependencies,
        step_definition: {name: "ship", handler: {callable: "Ship", method: "call", initialization: initialization}}
      },
      cancellation: cancellation
    )
  end

  it "says who and where" do
    subject = context
    expect([subject.handler_name, subject.task_uuid, subject.step_uuid, subject.step_name, subject.namespace_name])
      .to eq(%w[Ship t1 s1 ship shop])
    expect([subject.task.task_name, subject.task.task_version, subject.task.task_uuid]).to eq(%w[order 1.0.0 t1])
    expect(subject.step_definition.handler.handler_method).to eq("call")
    expect(subject.step_definition.dependencies).to eq([])
  end

  it "reads the task context" do
    subject = context({customer: "Ada", nothing: nil})
    expect(subject.context[:customer]).to eq("Ada")
    expect([subject.get_input(:customer), subject.get_task_field("customer"),
            subject.get_input("absent")]).to eq(["Ada", "Ada", nil])
    expect([subject.get_input_or("nothing", "fallback"), subject.get_input_or("customer", "x"), subject.get_input_or("absent")])
      .to eq(["fallback", "Ada", nil])
    expect(context(nil).context).to eq({})
  end

  it "reads the step's inputs and configuration" do
    subject = context({customer: "Ada"}, step: {inputs: {cursor: 1}}, initialization: {currency: "EUR"})
    expect(subject.input_data).to eq({"cursor" => 1})
    expect(subject.step_inputs[:cursor]).to eq(1)
    expect(subject.step_config[:currency]).to eq("EUR")
    expect([subject.get_config(:currency), subject.get_config("absent")]).to eq(["EUR", nil])
    expect([context.input_data, context.step_config]).to eq([{}, {}])
  end

  it "unwraps dependency results" do
    subject = context(dependencies: {cart: {success: true, result: {lines: [{id: 7}]}}, plain: {id: 8}, none: {result: nil}})
    expect(subject.get_dependency_result(:cart)).to eq({"lines" => [{"id" => 7}]})
    expect(subject.get_dependency_result("plain")[:id]).to eq(8)
    expect([subject.get_dependency_result("none"), subject.get_dependency_result("absent")]).to eq([nil, nil])
    expect(subject.get_dependency_field("cart", :lines, 0, "id")).to eq(7)
    expect([subject.get_dependency_field("cart", "lines", "id"), subject.get_dependency_field("absent", "id")]).to eq([nil, nil])
    expect(subject.dependency_results.get_result("cart")["success"]).to be(true)
    expect(subject.dependency_results["cart"]).to eq(subject.dependency_results.get_result(:cart))
    expect(subject.dependency_results.get_results("cart")).to eq(subject.get_dependency_result("cart"))
    expect([subject.dependency_results.keys, subject.dependency_results.key?(:cart)]).to eq([%w[cart plain none], true])
    expect(subject.dependency_results.each_key.to_a).to eq(%w[cart plain none])
  end

  it "counts retries from the attempts before this run" do
    first = context(step: {attempts: nil, max_attempts: nil})
    expect([first.retry_count, first.max_retries, first.is_retry?, first.is_last_retry?, first.retryable?])
      .to eq([0, 3, false, false, true])
    last = context(step: {attempts: 2, max_attempts: 3, retryable: false})
    expect([last.retry_count, last.is_retry?, last.is_last_retry?, last.retryable?]).to eq([2, true, true, false])
  end

  it "reads the checkpoint" do
    subject = context
    expect([subject.checkpoint, subject.has_checkpoint?, subject.checkpoint_cursor]).to eq([nil, false, nil])
    expect([subject.checkpoint_items_processed, subject.accumulated_results]).to eq([0, nil])
    subject = context(step: {checkpoint: {cursor: 5, items_processed: 4, accumulated_results: {sum: 1}}})
    expect([subject.has_checkpoint?, subject.checkpoint_cursor, subject.checkpoint_items_processed]).to eq([true, 5, 4])
    expect(subject.accumulated_results[:sum]).to eq(1)
  end

  it "follows the cancel flag" do
    cancellation = Stephost::Cancellation.new
    subject = context(cancellation: cancellation)
    expect { cancellation.cancel("timeout") }.to change(subject, :cancelled?).from(false).to(true)
  end

  it "has no deadline without a host, and counts down to one" do
    expect(context.deadline).to eq(Float::INFINITY)
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    expect(described_class.new({}, deadline_at: now + 100).deadline).to be_between(0, 100)
    expect(described_class.new({}, deadline_at: now - 1).deadline).to be < 0
  end

  it "records checkpoints where no host stores them" do
    subject = context
    subject.checkpoint!(cursor: 5, items_processed: 4)
    subject.checkpoint!(cursor: {id: "x"}, items_processed: 9, accumulated_results: {sum: 1.0})
    expect(subject.recorded_checkpoints).to eq(
      [
        {"cursor" => 5, "items_processed" => 4},
        {"cursor" => {"id" => "x"}, "items_processed" => 9, "accumulated_results" => {"sum" => 1.0}}
      ]
    )
    expect { subject.checkpoint!(cursor: Float::NAN, items_processed: 1) }
      .to raise_error(Stephost::Errors::CheckpointNotStored, /`checkpoint.cursor` is NaN/)
  end

  it "parses only the documents that are asked for" do
    texts = {"task" => '{"task_name":"order"}', "workflow_step" => "{", "dependency_results" => "{", "step_definition" => "{"}
    subject = described_class.new(texts)
    expect(subject.task.task_name).to eq("order")
    expect { subject.step_config }.to raise_error(JSON::ParserError)
  end
end
