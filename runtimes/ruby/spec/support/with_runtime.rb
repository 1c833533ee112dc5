# A running runtime over the handlers of spec/fixtures, for specs of the real process.
require "tmpdir"

RSpec.shared_context "with a runtime" do
  let(:directory) { Dir.mktmpdir }
  let(:arguments) { [] }
  let(:watch_arguments) { ["--watch-library", RuntimeProcess::WATCH_LIBRARY] }
  let(:runtime) do
    RuntimeProcess.new("--handlers", File.expand_path("../fixtures/handlers", __dir__), *watch_arguments, *arguments)
  end
  let!(:hello) { runtime.receive }

  after do
    runtime.stop
    FileUtils.rm_rf(directory)
  end

  def wait_for(path)
    Timeout.timeout(RuntimeProcess::WAIT_S) { sleep(0.005) until File.exist?(path) && !File.empty?(path) }
  end

  # Runs a method of Stopping up to the point where it waits.
  # @return [String] the path by which it told
  def begin_stopping(call_id, method = nil)
    mark = "#{directory}/#{call_id}"
    runtime.send_message(runtime.execute(call_id, "Stopping", {mark: mark}, method: method))
    expect(runtime.receive).to eq({"type" => "started", "call_ids" => [call_id]})
    wait_for(mark)
    mark
  end
end
