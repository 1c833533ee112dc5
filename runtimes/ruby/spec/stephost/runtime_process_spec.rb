# The real process: hello, steps, cancel, limits, and what it does with its descriptors and its end.
require "tmpdir"

RSpec.describe "the Ruby runtime" do
  handlers = <<~'RUBY'
    require "tasker_core"

    class Echo < TaskerCore::StepHandler::Base
      def handler_name = "echo"

      def call(context)
        success(result: {value: context.get_input("value")}, metadata: {handled: true})
      end

      def configured(_context) = {by: config[:by]}

      def grow(context) = {text: "x" * context.get_input("chars")}

      def stop(_context) = exit(3)

      def vanish(_context) = Thread.exit

      def deny(_context) = raise(TaskerCore::Errors::PermanentError.new("denied", error_code: "NO"))
    end

    # Tells by file that it runs, then waits for its cancel.
    class Gate < TaskerCore::StepHandler::Base
      def call(context)
        File.write(context.get_input("started"), "")
        sleep(0.01) until context.cancelled?
        {cancelled: true}
      end
    end

    class Noise < TaskerCore::StepHandler::Base
      def call(_context)
        puts "by puts"
        STDOUT.print("by STDOUT\n")
        IO.for_fd(1, autoclose: false).syswrite("by descriptor\n")
        system("echo by child; readlink /proc/self/fd/*")
        logger.info("by logger")
        {stdin: $stdin.read, gets: gets}
      end
    end
  RUBY

  around do |example|
    Dir.mktmpdir do |directory|
      @directory = directory
      File.write("#{directory}/work.rb", handlers)
      File.write("#{directory}/broken.rb", "def x(\n")
      @runtime = RuntimeProcess.new("--handlers", directory, "--max-in-flight", "2", "--frame-bytes-max", "100000")
      @hello = @runtime.receive
      example.run
      @runtime.finish unless @runtime.input.closed?
    end
  end

  attr_reader :runtime

  def wait_for(path)
    Timeout.timeout(RuntimeProcess::WAIT_S) { sleep(0.005) until File.exist?(path) }
  end

  def start_gate(call_id)
    mark = "#{@directory}/#{call_id}"
    runtime.send_message(runtime.execute(call_id, "Gate", {started: mark}))
    wait_for(mark)
  end

  it "says hello" do
    expect(@hello).to include(
      "type" => "hello", "protocol" => 1, "runtime" => "ruby", "sdk_version" => "0.1.0", "language_version" => RUBY_VERSION,
      "pid" => runtime.pid, "max_in_flight" => 2
    )
    expect(@hello["handlers"].map { |handler| handler["callable"] }).to eq(%w[echo Gate Noise])
    expect(@hello["load_failures"].map { |failure| failure["file"] }).to eq(["#{@directory}/broken.rb"])
  end

  it "runs steps and keeps numbers exact" do
    entry = runtime.run("echo", {value: [1.0, 2**63 - 1, 1e16, "é"]})
    expect(entry).to include(
      "success" => true, "step_uuid" => "s1", "metadata" => '{"handled":true}',
      "result" => '{"value":[1.0,9223372036854775807,10000000000000000.0,"é"]}'
    )
    expect(runtime.run("echo", method: "configured", initialization: {by: "bus"})["result"]).to eq('{"by":"bus"}')
    error = runtime.run("echo", method: "deny")["error"]
    expect(error).to include("message" => "denied", "error_code" => "NO", "retryable" => false)
    expect(error["backtrace"].first).to include("work.rb")
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

  it "survives handlers that exit or end their thread" do
    expect(runtime.run("echo", method: "stop")["error"]["message"]).to include("called `exit` (3)")
    expect(runtime.run("echo", method: "vanish")["error"]["message"]).to include("ended its own thread")
    expect(runtime.run("echo", {value: 1})["success"]).to be(true)
  end

  it "cancels, answers once, and answers pings meanwhile" do
    start_gate("c1")
    runtime.send_message({"type" => "ping", "nonce" => 7})
    expect(runtime.receive).to eq({"type" => "pong", "nonce" => 7})
    runtime.send_message({"type" => "cancel", "call_id" => "unknown", "reason" => "timeout"})
    runtime.send_message({"type" => "cancel", "call_id" => "c1", "reason" => "timeout"})
    message = runtime.receive
    expect([message["call_id"], message["results"].first["result"]]).to eq(["c1", '{"cancelled":true}'])
    runtime.send_message({"type" => "ping", "nonce" => 8})
    expect(runtime.receive).to eq({"type" => "pong", "nonce" => 8})
  end

  it "keeps the order of a batch, and fails what does not fit into a frame" do
    message = runtime.execute("b", "echo", method: "grow").merge("mode" => "batch")
    message["requests"] = [120_000, 1, 99_999].map { |chars| runtime.request("echo", {chars: chars}) }
    runtime.send_message(message)
    entries = runtime.receive["results"]
    expect(entries.map { |entry| entry["success"] }).to eq([false, true, false])
    expect(entries.first["error"]).to include("error_type" => "invalid_result")
    expect(entries.first["error"]["message"]).to include("a frame holds 100000")
  end

  it "keeps all output away from the wire, and the wire away from children" do
    pipes = [runtime.input, runtime.output].map { |pipe| pipe.stat.ino }
    expect(runtime.run("Noise")["result"]).to eq('{"stdin":"","gets":null}')
    code, printed = runtime.finish
    expect(code).to eq(0)
    expect(printed.lines(chomp: true)).to include("by puts", "by STDOUT", "by descriptor", "by child", /by logger/)
    wire = pipes.map { |pipe| "pipe:[#{pipe}]" }
    expect(printed.lines(chomp: true)).to include(/\Apipe:/)
    expect(printed).not_to include(*wire)
  end

  it "ends after a call too many" do
    %w[c1 c2].each { |call_id| start_gate(call_id) }
    runtime.send_message(runtime.execute("c3", "Gate"))
    expect(runtime.receive).to include("type" => "error", "code" => "unexpected_message")
    expect(runtime.receive).to be_nil
    expect(runtime.finish.first).to eq(70)
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

  it "ends at once with its input, whatever runs" do
    start_gate("c1")
    expect(runtime.finish.first).to eq(0)
  end

  it "ends on shutdown" do
    runtime.send_message({"type" => "shutdown"})
    expect(runtime.receive).to be_nil
    expect(runtime.finish.first).to eq(0)
  end

  [%w[--nope 1], %w[--handlers], %w[--max-in-flight 0]].each do |arguments|
    it "refuses the options #{arguments.join(" ")}" do
      expect(RuntimeProcess.new(*arguments).finish).to match([2, /usage: stephost-ruby/])
    end
  end
end
