# The testing library, used on the examples as their author would.
require_relative "../../lib/stephost/testing"
require_relative "../../lib/stephost/testing/matchers"

RSpec.describe Stephost::Testing do
  include described_class

  before(:context) do
    Dir[File.expand_path("../../examples/*.rb", __dir__)].each { |file| require file }
  end

  it "runs a handler and gives what is stored" do
    run = run_handler(Greet, context: {name: "Ada"})
    expect(run).to succeed_with("greeting" => "Hello, Ada!")
    expect(run.result).to eq("greeting" => "Hello, Ada!")
  end

  it "tells failures apart" do
    expect(run_handler(Greet)).to fail_permanently("blank", code: "NAME_MISSING")
    expect(run_handler(ChargeCard, context: {card: "busy"})).to fail_retryably(/busy/, after: 30)
    expect(run_handler(ChargeCard, context: {card: "flaky"}, attempts: 1)).to succeed_with("last_try" => false)
    expect(run_handler(Greet)).not_to fail_retryably
    expect(run_handler(ChargeCard, context: {card: "busy"})).not_to fail_permanently
  end

  it "gives configuration and what other steps returned" do
    run = run_handler(PriceOrder, context: {items: [{quantity: 1, unit_price_cents: 100}]}, config: {tax_percent: 7})
    expect(run).to succeed_with("tax_cents" => 7)
    reserve = Stephost::Declarations.all.keys.find { |declared| declared.allocate.handler_name == "examples.reserve_stock" }
    expect(run_handler(reserve, context: {warehouse: "north"}, dependencies: {price_order: {total_cents: 5}}))
      .to succeed_with("reserved_cents" => 5)
  end

  it "sees decisions, checkpoints and batches of rows" do
    expect(run_handler(RouteApproval, context: {amount_cents: 20_000})).to decide_on("manager_approval")
    expect(run_handler(RouteApproval, context: {amount_cents: 1})).to decide_on
    inputs = {cursor: {batch_id: "001", start_cursor: 0, end_cursor: 4}}
    expect(run_handler(ProcessRows, inputs: inputs, config: {yield_every: 2})).to yield_checkpoint(cursor: 2, items_processed: 2)
    rows = run_batch(InsertRows, [{row: 1}, {row: -1}])
    expect(rows.map(&:success?)).to eq([true, false])
  end

  it "names a mistake and an unknown method" do
    misused = Class.new(Stephost::StepHandler::Base) { define_method(:call) { |_context| success } }
    expect(run_handler(misused)).to fail_permanently("needs `result:`", code: "HANDLER_MISTAKE")
    expect { run_handler(Greet, method: :nobody) }.to raise_error(ArgumentError, /nobody/)
  end

  it "fails for good when the task does not fit the model of its inputs" do
    order = Struct.new(:sku, keyword_init: true) do
      def validate!
        raise ArgumentError, "sku is missing" if sku.nil?
      end
    end
    declared = Module.new { extend Stephost::StepHandler::Functional }
    handler = declared.step_handler("spec.typed", inputs: order) { |inputs:| {sku: inputs.sku} }
    expect(run_handler(handler, context: {sku: "a", other: 1})).to succeed_with("sku" => "a")
    expect(run_handler(handler)).to fail_permanently(/the task does not fit .*: sku is missing/)
    expect(run_handler(handler).error["error_type"]).to eq("ValidationError")
  end

  it "brings the matchers where the rspec command has loaded nothing but its core" do
    library = File.expand_path("../../lib/stephost/testing", __dir__)
    script = "module RSpec; end; require ARGV[0]; print RSpec::Matchers.method_defined?(:succeed_with)"
    expect(IO.popen([RbConfig.ruby, "-e", script, library], &:read)).to eq("true")
  end

  it "says what it got instead" do
    matcher = succeed_with("greeting" => "Hello")
    matcher.matches?(run_handler(Greet))
    expect(matcher.failure_message).to include("expected a success", "a non-retryable failure: `name` is missing")
  end
end
