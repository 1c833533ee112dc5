# The real process: hello, steps, the order of its messages, limits, and its ends.
RSpec.describe "the Ruby runtime" do
  include_context "with a runtime"

  let(:arguments) { ["--max-in-flight", "3", "--threads", "2", "--frame-bytes-max", "100000"] }

  it "says hello" do
    expect(hello).to include(
      "type" => "hello", "protocol" => 2, "runtime" => "ruby", "sdk_version" => "0.1.0", "language_version" => RUBY_VERSION,
      "pid" => runtime.pid, "watch" => true, "max_in_flight" => 3, "load_failures" => []
    )
    expect(hello["handlers"].to_h { |handler| [handler["callable"], handler.values_at("capabilities", "on_crash")] })
      .to include("echo" => [[], "backoff"], "Configured" => [%w[api batchable], "retry"])
  end

  it "runs steps and keeps numbers exact" do
    entry = runtime.run("echo", {value: [1.0, 2**63 - 1, 1e16, "é"]})
    expect(entry).to include(
      "success" => true, "step_uuid" => "s1", "metadata" => '{"handled":true}',
      "result" => '{"value":[1.0,9223372036854775807,10000000000000000.0,"é"]}'
    )
    error = runtime.run("echo", method: "deny")["error"]
    expect(error).to include("message" => "denied", "error_code" => "NO", "retryable" => false)
    expect(error["backtrace"].first).to include("echo.rb")
  end

  it "gives the configuration, the deadline and the trace" do
    expect(runtime.run("echo", method: "configured", initialization: {by: "bus"})["result"]).to eq('{"by":"bus"}')
    expect(runtime.run("Configured", initialization: {by: "bus"})["result"]).to eq('{"by":"bus"}')
    traced = JSON.parse(runtime.run("echo", method: "traced")["result"])
    expect(traced["traceparent"]).to eq("00-#{"1" * 32}-#{"2" * 16}-01")
    expect(traced["seconds_left"]).to be_between(0, 60)
  end

  {
    ["absent", {}] => "`absent`", ["echo", {method: "absent"}] => "`absent`", ["echo", {method: "failure"}] => "`failure`",
    ["echo", {method: "instance_eval"}] => "`instance_eval`", ["echo", {resolver: "mine"}] => "resolver `mine` is unknown"
  }.each do |(callable, options), words|
    it "finds nothing for #{callable} #{options}" do
      error = runtime.run(callable, **options)["error"]
      expect(error).to include("error_type" => "handler_not_found", "retryable" => false)
      expect(error["message"]).to include(words)
    end
  end

  it "survives handlers that exit, end their thread, or return what cannot be read" do
    expect(runtime.run("echo", method: "stop")["error"]["message"]).to include("called `exit` (3)")
    3.times { expect(runtime.run("echo", method: "vanish")["error"]["message"]).to include("ended its own thread") }
    expect(runtime.run("echo", method: "unreadable")["error"]).to include("error_type" => "UnexpectedError", "retryable" => true)
    expect(runtime.run("echo", {value: 1})["success"]).to be(true)
  end

  it "says that a call started before any of its code runs" do
    runtime.send_message(runtime.execute("c1", "echo", method: "die"))
    expect(runtime.receive).to eq({"type" => "started", "call_ids" => ["c1"]})
    expect(runtime.receive).to be_nil
    expect(runtime.wait.first.termsig).to eq(Signal.list["KILL"])
  end

  it "starts the calls of one read together, and tells which wait until a thread is free" do
    marks = %w[c1 c2 c3].to_h { |call_id| [call_id, "#{directory}/#{call_id}"] }
    runtime.send_message(*marks.map { |call_id, mark| runtime.execute(call_id, "Stopping", {mark: mark}) })
    expect([runtime.receive, runtime.receive]).to contain_exactly(
      {"type" => "started", "call_ids" => %w[c1 c2]}, {"type" => "accepted", "call_ids" => %w[c3]}
    )
    wait_for(marks["c1"])
    expect(File.exist?(marks["c3"])).to be(false)
    runtime.cancel("c1")
    expect([runtime.receive["call_id"], runtime.receive]).to eq(["c1", {"type" => "started", "call_ids" => ["c3"]}])
    wait_for(marks["c3"])
  end

  it "keeps the order of a batch, and fails what does not fit into a frame (field note 25)" do
    message = runtime.execute("b", "echo", method: "grow").merge("mode" => "batch")
    message["requests"] = [120_000, 1, 99_999].map { |chars| runtime.request("echo", {chars: chars}) }
    runtime.send_message(message)
    entries = runtime.receive_until("result").last["results"]
    expect(entries.map { |entry| entry["success"] }).to eq([false, true, false])
    expect(entries.first["error"]).to include("error_type" => "invalid_result", "retryable" => false)
    expect(entries.first["error"]["message"]).to include("a frame holds 100000")
  end

  it "answers many calls each with its own value" do
    answers = (0...60).each_slice(3).flat_map do |values|
      runtime.send_message(*values.map { |value| runtime.execute("c#{value}", "echo", {value: value}) })
      values.map { runtime.receive_until("result").last }
    end
    expect(answers.to_h { |answer| [answer["call_id"], answer["results"].first["result"]] })
      .to eq((0...60).to_h { |value| ["c#{value}", "{\"value\":#{value}}"] })
  end

  it "stores checkpoints with the host's word, and raises its reason" do
    runtime.send_message(runtime.execute("c1", "echo", {sum: 7}, method: "save"))
    asked = runtime.receive_until("checkpoint").last
    expect(asked).to include("call_id" => "c1", "step_uuid" => "s1")
    expect(JSON.parse(asked["data"])).to eq({"cursor" => {"page" => 2}, "items_processed" => 20, "accumulated_results" => 7})
    answer = {"type" => "checkpointed", "call_id" => "c1", "checkpoint_id" => asked["checkpoint_id"]}
    runtime.send_message(answer.merge("checkpoint_id" => 99, "stored" => false), answer.merge("stored" => true))
    expect(runtime.receive["results"].first["result"]).to eq('{"saved":true}')

    runtime.send_message(runtime.execute("c2", "echo", method: "save"))
    asked = runtime.receive_until("checkpoint").last
    expect(JSON.parse(asked["data"])).not_to have_key("accumulated_results")
    runtime.send_message(answer.merge("call_id" => "c2", "checkpoint_id" => asked["checkpoint_id"], "stored" => false,
      "message" => "The step has another owner."))
    error = runtime.receive["results"].first["error"]
    expect(error).to include("message" => "The step has another owner.", "retryable" => true)
    expect(JSON.parse(error["context"])["exception_class"]).to end_with("CheckpointNotStored")

    error = runtime.run("echo", {chars: 100_000}, method: "save_much")["error"]
    expect(error["message"]).to include("a frame holds 100000")
  end

  {
    "after a call too many" => ->(runtime) { %w[c1 c2 c3 c4].map { |call_id| runtime.execute(call_id, "Stopping") } },
    "after a call id that runs" => ->(runtime) { %w[c1 c1].map { |call_id| runtime.execute(call_id, "Stopping") } },
    "after a call that follows a reload" => lambda do |runtime|
      [runtime.execute("c1", "Stopping"), {"type" => "reload"}, runtime.execute("c2", "Stopping")]
    end
  }.each do |name, messages|
    it "ends #{name}" do
      runtime.send_message(*messages.call(runtime))
      expect(runtime.receive_until("error").last["code"]).to eq("unexpected_message")
      expect(runtime.receive).to be_nil
      expect(runtime.finish.first).to eq(70)
    end
  end

  {"\xC1".b => "bad_message", MessagePack.pack({type: "x"}) => "unknown_type"}.each do |payload, code|
    it "ends after #{code}" do
      runtime.send_payload(payload)
      expect(runtime.receive).to include("type" => "error", "code" => code)
      expect(runtime.receive).to be_nil
      exit_code, printed = runtime.finish
      expect([exit_code, printed]).to match([70, /#{code}/])
    end
  end

  it "shows an error of the host and ends" do
    runtime.send_message({"type" => "error", "code" => "protocol_version", "message" => "Upgrade the runtime."})
    expect(runtime.finish).to match([70, /protocol_version: Upgrade the runtime/])
  end

  it "ends on shutdown" do
    begin_stopping("c1")
    runtime.send_message({"type" => "shutdown"})
    expect(runtime.receive).to be_nil
    expect(runtime.finish.first).to eq(0)
  end

  [%w[--nope 1], %w[--handlers], %w[--max-in-flight 0], %w[--wire-descriptor 2]].each do |refused|
    it "refuses the options #{refused.join(" ")}" do
      other = RuntimeProcess.new(order: refused)
      expect(other.finish).to match([2, /usage: stephost-ruby/])
    end
  end
end
