# How prints become lines: whole, clean and bounded.
require "stephost/line_buffer"

RSpec.describe Stephost::LineBuffer do
  let(:buffer) { described_class.new }
  let(:lines) { [] }

  def append(*texts)
    texts.each { |text| buffer.append(text) { |line| lines << line } }
    [lines, buffer.rest]
  end

  {
    ["a\nb\n"] => [%w[a b], nil], ["a", "b\nc"] => [%w[ab], "c"], ["\n\n"] => [["", ""], nil], ["a\r\n", "b\r"] => [%w[a], "b"],
    ["Z\xC3", "\xBC\n"] => [["Zü"], nil], ["a\xFFb\n".b] => [["a\uFFFDb"], nil], ["ü\n".encode("UTF-16LE")] => [["ü"], nil],
    [""] => [[], nil]
  }.each do |texts, (whole, rest)|
    it "reads #{texts.map(&:inspect).join(", ")}" do
      expect(append(*texts)).to eq([whole, rest])
    end
  end

  it "cuts a long line at a character and forgets nothing of the next" do
    first, = append("日" * 5000, "more", "\nnext\n").first
    expect(lines.last).to eq("next")
    expect(first).to match(/\A日+… \(cut at (\d+) bytes\)\z/)
    expect(first.bytesize).to be_between(described_class::BYTES_MAX - 50, described_class::BYTES_MAX)
  end

  it "keeps a line of exactly the limit, and holds no more than that of one that never ends" do
    whole = "x" * described_class::BYTES_MAX
    expect(append("#{whole}\n")).to eq([[whole], nil])
    1000.times { buffer.append("y" * 1000) { raise "no line" } }
    expect(buffer.rest.bytesize).to be <= described_class::BYTES_MAX
  end
end
