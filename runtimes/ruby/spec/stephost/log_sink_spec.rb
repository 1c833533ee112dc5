# The rate of log messages, with a clock of the spec's own.
require "stephost/log_sink"

RSpec.describe Stephost::LogSink do
  let(:posted) { [] }
  let(:outbox) { instance_double("Stephost::Outbox") }
  let(:now) { [0.0] }
  let(:sink) { described_class.new(outbox, 3, clock: -> { now.last }) }

  before do
    allow(outbox).to receive(:post_log) do |message|
      posted << message["message"]
      true
    end
  end

  def write(*texts)
    texts.each { |text| sink.write(step_uuid: "s1", stream: "stdout", level: "info", line: text) }
  end

  it "lets no more lines pass in any second, and then says how many it dropped" do
    write("a")
    now << 0.9
    write("b", "c", "d", "e")
    now << 1.1
    expect(sink.settle).to be(true)
    # That sentence was a line too.
    write("f")
    now << 1.95
    write("g")
    dropped = [2, 1].map { |count| "… #{count} lines dropped: more than 3 in a second" }
    expect(posted).to eq(["a", "b", "c", *dropped, "g"])
  end

  it "counts what the outbox refuses, because the host does not read" do
    allow(outbox).to receive(:post_log).and_return(false)
    write("a")
    expect(sink.settle).to be(false)
  end
end
