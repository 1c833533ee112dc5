# What returns and raises become: result, error type, retryability.
require "stephost/handler"
require "stephost/wire_result"

RSpec.describe Stephost::Types::StepHandlerCallResult do
  errors = Stephost::Errors

  def entry(outcome)
    handler = instance_double(Stephost::Handler, callable: "ship", file: "ship.rb")
    Stephost::WireResult.entry("s1", outcome, handler: handler, execution_time_ms: 3)
  end

  {
    {a: 1} => '{"a":1}', nil => "null", 7 => "7",
    {success: true, result: {a: 1}, metadata: {}} => '{"a":1}', {success: true, a: 1} => '{"a":1}'
  }.each do |output, result|
    it "takes #{output.inspect} as a success" do
      expect(entry(described_class.from_handler_output(output))).to include("success" => true, "result" => result)
    end
  end

  it "takes a hash with `success: false` as a failure" do
    written = entry(described_class.from_handler_output({success: false, message: "no", retryable: true, error_code: "E"}))
    expect(written["error"]).to include("message" => "no", "retryable" => true, "error_code" => "E",
      "error_type" => "UnexpectedError")
  end

  [
    [errors::PermanentError, "PermanentError", false], [errors::ValidationError, "ValidationError", false],
    [errors::NotFoundError, "PermanentError", false], [errors::ConfigurationError, "UnexpectedError", false],
    [errors::DatabaseError, "UnexpectedError", false], [errors::FFIError, "UnexpectedError", false],
    [errors::RetryableError, "RetryableError", true], [errors::TimeoutError, "UnexpectedError", true],
    [errors::NetworkError, "UnexpectedError", true], [errors::ServerError, "UnexpectedError", true],
    [ZeroDivisionError, "UnexpectedError", true], [NotImplementedError, "UnexpectedError", true]
  ].each do |error_class, error_type, retryable|
    it "knows whether a raised #{error_class} is worth a retry" do
      written = entry(described_class.from_exception(error_class.new("x")))["error"]
      expect(written).to include("message" => "x", "error_type" => error_type, "retryable" => retryable)
      expect(JSON.parse(written["context"])).to include("exception_class" => error_class.name)
    end
  end

  {2 => 2, 0.2 => 1, -1 => 0, Float::NAN => nil, nil => nil, "soon" => nil}.each do |wish, seconds|
    it "sends the wish to wait #{wish.inspect} as #{seconds.inspect}" do
      error = errors::RetryableError.new("busy", retry_after: wish, context: {host: "a"})
      written = entry(described_class.from_exception(error))["error"]
      expect(written["retry_after_s"]).to eq(seconds)
      expect(JSON.parse(written["context"])["host"]).to eq("a")
    end
  end

  it "keeps error codes and extra fields of errors" do
    error = errors::ValidationError.new("bad", field: "sku", error_code: "SKU")
    expect(entry(described_class.from_exception(error))["error"]["error_code"]).to eq("SKU")
    expect([error.field, error.error_class]).to eq(%w[sku ValidationError])
  end

  it "cleans the text of failures" do
    written = entry(described_class.failure(message: "a\0\xff#{"x" * 99_999}", metadata: {bad: Float::NAN}))
    expect(written["error"]["message"]).to start_with("a\uFFFDx")
    expect(written["error"]["message"].size).to be <= Stephost::WireResult::TEXT_CHARS_MAX
    expect(written["metadata"]).to eq("{}")
  end

  it "names the handler of a success whose metadata cannot be written" do
    error = entry(described_class.success(result: 1, metadata: {at: Float::NAN}))["error"]
    expect(error).to include("error_type" => "invalid_result", "retryable" => false)
    expect(error["message"]).to include("Handler `ship` (ship.rb)", "`metadata.at`")
  end
end

RSpec.describe Stephost::StepHandler::Base do
  it "has the defaults of the interface" do
    handler = described_class.new
    expect([handler.config, described_class::VERSION, handler.handler_name]).to eq([{}, "1.0.0", "base"])
    expect(handler.failure(message: "no")).to have_attributes(error_type: "UnexpectedError", retryable: false, metadata: {})
    expect(handler.success(result_data: 1)).to have_attributes(result: 1, success?: true, checkpoint?: false)
    expect { handler.success }.to raise_error(ArgumentError)
  end
end
