# A process that a handler forks never speaks to the host.
RSpec.describe "forks of handlers" do
  include_context "with a runtime"

  it "give no second result, whatever way they leave (field note 6)" do
    {"returning" => 0, "leaving" => 7}.each do |method, status|
      logs, entry = runtime.logged("Forks", method: method)
      expect([logs, entry["result"]]).to eq([[], "{\"status\":#{status}}"])
    end
    expect(runtime.run("Forks", {raises: true}, method: "returning")["result"]).to eq('{"status":1}')
    runtime.send_message({"type" => "ping", "nonce" => 1})
    expect(runtime.receive).to eq({"type" => "pong", "nonce" => 1})
    expect(runtime.finish.last).to match(/by the child\n.*in the child/m)
  end

  it "hold neither wire nor watch" do
    expect(runtime.run("Forks", method: "descriptors")["result"]).to eq('{"open":[]}')
  end

  it "cannot turn the runtime into a daemon" do
    expect(runtime.run("Forks", method: "daemon")["error"]["message"]).to include("Process.daemon would end the runtime")
  end
end
