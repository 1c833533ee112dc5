# How work ends: cancel, interrupt, reload, the end of the host.
RSpec.describe "stopping" do
  include_context "with a runtime"

  it "tells a handler that looks, answers once, and answers pings meanwhile" do
    begin_stopping("c1")
    runtime.send_message({"type" => "ping", "nonce" => 7})
    expect(runtime.receive).to eq({"type" => "pong", "nonce" => 7})
    runtime.cancel("unknown")
    2.times { runtime.cancel("c1") }
    message = runtime.receive
    expect([message["call_id"], message["results"].first["result"]]).to eq(["c1", '{"cancelled":true}'])
    runtime.send_message({"type" => "ping", "nonce" => 8})
    expect(runtime.receive).to eq({"type" => "pong", "nonce" => 8})
  end

  {"asleep" => true, "rescuing" => false}.each do |method, ensures|
    it "interrupts a handler that waits without looking: #{method}" do
      mark = begin_stopping("c1", method)
      runtime.cancel("c1", grace_ms: 100)
      error = runtime.receive["results"].first["error"]
      expect(error).to include("error_type" => "cancelled", "retryable" => true)
      expect(error["message"]).to include("timeout")
      expect(File.exist?("#{mark}.ensured")).to be(ensures)
      expect(runtime.run("echo", {value: 1})["success"]).to be(true)
    end
  end

  it "keeps the result of a handler that ends well after its interrupt" do
    begin_stopping("c1", "stubborn")
    runtime.cancel("c1", grace_ms: 50)
    expect(runtime.receive["results"].first["result"]).to eq('{"finished":"after all"}')
  end

  it "says every second that it lives while calls are in flight, and is silent otherwise (field note 14)" do
    begin_stopping("c1")
    expect([runtime.receive_any, runtime.receive_any]).to eq([{"type" => "heartbeat", "in_flight" => 1}] * 2)
    runtime.cancel("c1")
    expect(runtime.receive["type"]).to eq("result")
    runtime.wire.wait_readable(1.5)
    runtime.send_message({"type" => "ping", "nonce" => 1})
    expect(runtime.receive_any["type"]).to eq("pong")
  end

  it "finishes what it holds after a reload, then ends" do
    begin_stopping("c1")
    runtime.send_message({"type" => "reload"})
    runtime.cancel("c1")
    expect(runtime.receive["results"].first["success"]).to be(true)
    expect(runtime.receive).to be_nil
    expect(runtime.wait.first.exitstatus).to eq(0)
  end

  it "ends at once after a reload when it holds nothing" do
    runtime.send_message({"type" => "reload"})
    expect(runtime.wait.first.exitstatus).to eq(0)
  end

  it "ends at once with its wire, whatever runs (field note 7)" do
    begin_stopping("c1", "asleep")
    expect(runtime.finish.first).to eq(0)
  end

  it "answers the watch while a handler holds the interpreter's lock, and dies with it (field notes 7, 14)" do
    begin_stopping("c1", "holding")
    runtime.watch.write("12345678")
    expect(Timeout.timeout(RuntimeProcess::WAIT_S) { runtime.watch.read(8) }).to eq("12345678")
    runtime.watch.close
    expect(runtime.wait.first.termsig).to eq(Signal.list["KILL"])
  end

  context "without the library of the watch" do
    let(:watch_arguments) { ["--watch-library", "/absent.so"] }

    it "says so and goes on" do
      expect(hello["watch"]).to be(false)
      expect(runtime.run("echo", {value: 1})["success"]).to be(true)
      expect(runtime.finish.last.lines).to match([%r{the watch /absent.so does not run: .*pings over the wire}])
    end
  end

  context "with one thread" do
    let(:arguments) { ["--threads", "1"] }

    it "never interrupts calls that come after the cancelled one" do
      begin_stopping("c1", "computing")
      runtime.cancel("c1", grace_ms: 10)
      expect(runtime.receive["results"].first["result"]).to eq('{"computed":true}')
      # More of them than there are threads.
      rested = Array.new(4) { runtime.run("Stopping", method: "resting")["result"] }
      expect(rested).to eq(['{"rested":true}'] * 4)
    end

    it "gives a cancelled call that waits back at once, without running it" do
      begin_stopping("c1")
      runtime.send_message(runtime.execute("c2", "Stopping", {mark: "#{directory}/c2"}))
      expect(runtime.receive).to eq({"type" => "accepted", "call_ids" => ["c2"]})
      runtime.cancel("c2")
      message = runtime.receive
      expect([message["call_id"], message["results"].first["error"]["error_type"]]).to eq(%w[c2 cancelled])
      expect(File.exist?("#{directory}/c2")).to be(false)
    end

    it "replaces a thread that a handler ended while others wait" do
      runtime.send_message(*%w[c1 c2 c3].map { |call_id| runtime.execute(call_id, "echo", method: "vanish") })
      expect(Array.new(3) { runtime.receive_until("result").last["call_id"] }).to eq(%w[c1 c2 c3])
    end
  end
end
