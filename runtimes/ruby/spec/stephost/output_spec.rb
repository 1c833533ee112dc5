# Everything a handler writes: which lines become log messages of their step, and which go to the pipes as they are.
RSpec.describe "output of handlers" do
  include_context "with a runtime"

  def texts(logs)
    logs.map { |log| log.values_at("stream", "level", "message") }
  end

  it "becomes log messages of the step, before its result (field note 4)" do
    logs, entry = runtime.logged("Output", method: "known", step_uuid: "s7")
    expect(texts(logs)).to match(
      [
        %w[stdout info] << "by puts", %w[stdout info] << "by STDOUT", %w[stderr warn] << "by warn",
        %w[stderr warn] << "by stderr", %w[stdout info] << "by a thread", %w[stdout info] << "by a fiber",
        %w[log warn] << "by logger", %w[log error] << "by error (ArgumentError)", %w[stdout info] << "no end"
      ]
    )
    expect(logs.map { |log| log["step_uuid"] }.uniq).to eq(["s7"])
    expect(logs.map { |log| log["fields"] }.compact).to eq(['{"sku":"a1","count":2}'])
    expect(entry["success"]).to be(true)
    expect(runtime.finish.last).to eq("")
  end

  it "below Ruby goes to the pipes; the wire is out of reach of children (field note 6)" do
    logs, entry = runtime.logged("Output", method: "raw")
    expect([logs, entry["result"]]).to eq([[], '{"stdin":"","gets":null}'])
    expect(runtime.run("echo", {value: 1})["success"]).to be(true)
    lines = runtime.finish.last.lines(chomp: true)
    expect(lines).to include("by descriptor", "by error descriptor", "by child", "by child error", %r{\Apipe:})
    expect(lines.grep(/socket/)).to eq([])
  end

  it "of a thread that outlives its step is nobody's" do
    mark = "#{directory}/over"
    expect(runtime.run("Output", {mark: mark}, method: "late")["success"]).to be(true)
    File.write(mark, "over")
    runtime.send_message({"type" => "ping", "nonce" => 1})
    expect(runtime.receive_until("pong").map { |message| message["type"] }).to eq(["pong"])
    Timeout.timeout(RuntimeProcess::WAIT_S) { expect(runtime.gets).to eq("by nobody\n") }
  end

  it "is tagged with its own step when many run at once" do
    steps = (1..12).map { |number| "step-#{number}" }
    runtime.send_message(
      *steps.map { |step| runtime.execute(step, "Output", {lines: 20}, method: "many", step_uuid: step) }
    )
    messages = steps.flat_map { runtime.receive_until("result") }
    logs = messages.select { |message| message["type"] == "log" }
    expect(logs.to_h { |log| [log["message"], log["step_uuid"]] })
      .to eq(steps.product((0...20).to_a).to_h { |step, number| ["#{step} #{number}", step] })
    steps.each do |step|
      last = messages.rindex { |message| message["step_uuid"] == step }
      expect(messages.index { |message| message["call_id"] == step }).to be > last
    end
  end

  it "is cut at a character when a line is too long, and is always UTF-8" do
    logs, = runtime.logged("Output", {chars: 10_000}, method: "long")
    expect(logs.first["message"]).to match(/\Aé+… \(cut at \d+ bytes\)\z/)
    expect(logs.first["message"].bytesize).to be_between(8000, 8192)
    expect(logs.last["message"]).to eq("broken \uFFFD and ")
    expect(logs.size).to eq(2)
  end

  context "with a small rate" do
    let(:arguments) { ["--log-lines-per-second", "10"] }

    it "is dropped above the rate, and one line says how much" do
      logs, = runtime.logged("Output", {lines: 500}, method: "many")
      kept = logs.count { |log| log["message"].start_with?("s1 ") }
      notices = logs.filter_map { |log| log["message"][/… (\d+) lines dropped: more than 10 in a second/, 1]&.to_i }
      until kept + notices.sum == 500
        log = runtime.receive_until("log").last
        expect(log).to include("step_uuid" => nil, "stream" => "log", "level" => "warn")
        notices << log["message"][/… (\d+) lines dropped: more than 10 in a second/, 1].to_i
      end
      expect([kept, notices.size]).to match([be_between(10, 499), 1])
    end
  end
end
