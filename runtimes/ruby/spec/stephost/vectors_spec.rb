# The shared vectors of the wire, run against frames and messages.
require "stephost/decoder"
require "stephost/frames"

RSpec.describe "the shared vectors" do
  def read_frames(pieces, frame_bytes_max)
    reader = Stephost::Frames::Reader.new(frame_bytes_max)
    payloads = []
    pieces.each { |piece| reader.feed(piece) { |payload| payloads << payload } }
    [payloads, nil]
  rescue Stephost::ProtocolViolation => violation
    [payloads, violation.code]
  end

  def cuts(bytes)
    return [[bytes]] if bytes.bytesize > 1000

    [[bytes], bytes.bytes.map(&:chr)] + (1...bytes.bytesize).map { |at| [bytes.byteslice(0, at), bytes.byteslice(at..)] }
  end

  # One for all payloads of an example: it must be usable after a bad one too.
  let(:decoder) { Stephost::Decoder.new }

  def code_of
    yield
    nil
  rescue Stephost::ProtocolViolation => violation
    violation.code
  end

  Vectors.load("frames").each do |vector|
    it "reads frames: #{vector["name"]}" do
      expected = vector["payloads"].map { |parts| Vectors.bytes(parts) }
      cuts(Vectors.bytes(vector["bytes"])).each do |pieces|
        expect(read_frames(pieces, vector["frame_bytes_max"])).to eq([expected, vector["error"]])
      end
      next unless vector["error"].nil? && vector["incomplete"] == false

      frames = expected.map { |payload| Stephost::Frames.encode(payload) }.join
      expect(frames).to eq(Vectors.bytes(vector["bytes"]))
    end
  end

  Vectors.load("values").each do |vector|
    it "knows the value: #{vector["name"]}" do
      payloads = vector["encodings"].map { |hex| Vectors.bytes([hex].flatten) }
      if vector["error"]
        payloads.each { |payload| expect(code_of { decoder.read(payload) }).to eq(vector["error"]) }
      else
        value = Vectors.value(vector["value"])
        payloads.each { |payload| expect(decoder.read(payload)).to eq(value) }
        expect(payloads).to include(Stephost::Messages.encode(value))
      end
    end
  end

  Vectors.load("messages").select { |vector| vector["from"] == "host" }.each do |vector|
    it "judges the message: #{vector["name"]}" do
      payload = MessagePack.pack(vector["message"])
      expect(code_of { decoder.decode(payload) }).to eq(vector["error"])
    end
  end
end
