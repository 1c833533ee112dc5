# The block form: what a block receives and what it may return.
require "tasker_core"

RSpec.describe Stephost::StepHandler::Functional do
  include described_class

  def run(handler_class, task_context = {}, dependencies = {})
    documents = {task: {task: {context: task_context}}, dependency_results: dependencies}
    handler_class.new.call(TaskerCore::Types::StepContext.new(documents))
  end

  it "gives dependencies, inputs and the context by name" do
    order_class = Struct.new(:customer, :total, keyword_init: true)
    pair_class = Struct.new(:left, :right)
    handler_class = step_handler(
      "f", depends_on: {cart: "make_cart", order: ["make_order", order_class], pair: ["make_pair", pair_class]},
      inputs: [:customer, :absent], version: "2.0.0"
    ) do |cart:, order:, pair:, customer:, absent:, context:|
      {seen: [cart, order.customer, pair.right, customer, absent, context.retry_count]}
    end
    dependencies = {
      make_cart: {result: 7}, make_order: {result: {customer: "Ada", other: 1}}, make_pair: {result: {right: 2, left: 1}}
    }
    expect(run(handler_class, {customer: "Bob"}, dependencies).result).to eq({seen: [7, "Ada", 2, "Bob", nil, 0]})
    expect([handler_class.new.handler_name, handler_class::VERSION]).to eq(["f", "2.0.0"])
  end

  it "builds one model from the context, without its null fields, and validates it" do
    model = Class.new do
      attr_reader :fields, :valid

      def initialize(**fields)
        @fields = fields
      end

      def validate!
        @valid = true
      end
    end
    handler_class = step_handler("f", inputs: model) { |inputs:| {fields: inputs.fields, valid: inputs.valid} }
    expect(run(handler_class, {a: {b: 1}, nothing: nil}).result).to eq({fields: {a: {b: 1}}, valid: true})
  end

  it "calls a block that does not name the context, and takes nil as an empty result" do
    handler_class = step_handler("f") {}
    expect(run(handler_class).result).to eq({})
    expect { step_handler("f") }.to raise_error(ArgumentError)
  end
end
