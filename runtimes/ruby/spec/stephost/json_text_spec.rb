# What JSON documents keep exact, and how values without a JSON form are refused.
require "date"
require "set"

RSpec.describe Stephost::JsonText do
  def nested(levels)
    levels.times.reduce(0) { |value, _| [value] }
  end

  ["9223372036854775807", "1234567890123456789012345678901234567890", "1.0", '"Zürich 🚂"'].each do |text|
    it "keeps #{text} exact" do
      expect(described_class.write(described_class.parse(text))).to eq(text)
    end
  end

  line = Struct.new(:sku, :pieces)
  {
    1e16 => "10000000000000000.0", -1.5e17 => "-150000000000000000.0", [1e22, "1e+22"] => '[10000000000000000000000.0,"1e+22"]',
    1e-7 => "1.0e-07", '\u0000 as text' => '"\\\\u0000 as text"', {a: :b} => '{"a":"b"}', {1 => nil} => '{"1":null}',
    line.new("a", 2) => '{"sku":"a","pieces":2}', Date.new(2026, 1, 2) => '"2026-01-02"', Set[7] => "[7]",
    "é".encode(Encoding::ISO_8859_1) => '"é"'
  }.each do |value, text|
    it "writes #{text}" do
      expect(described_class.write(value)).to eq(text)
    end
  end

  cycle = {}.tap { |map| map["self"] = [map] }
  {
    {a: [1, Float::NAN]} => "`result.a[1]` is NaN", -Float::INFINITY => "is infinite", {a: "x\0"} => "`result.a` holds a NUL",
    "\xff" => "is not valid UTF-8", "\xff".b => "is not valid UTF-8", [Object.new] => "`result[0]` is a Object"
  }.each do |value, words|
    it "refuses a value: #{words}" do
      expect { described_class.write(value) }.to raise_error(described_class::Unwritable, /#{Regexp.escape(words)}/)
    end
  end

  it "refuses what contains itself or nests too deep, and allows 200 levels" do
    expect { described_class.write(cycle) }.to raise_error(described_class::Unwritable, /contains itself/)
    expect { described_class.write(nested(201)) }.to raise_error(described_class::Unwritable, /deeper than 200/)
    expect(described_class.write(nested(200))).to start_with("[" * 200)
  end

  it "gives hashes that take strings and symbols at any depth" do
    parsed = described_class.parse('{"a":{"b":[{"c":1}]}}')
    expect(parsed[:a]["b"].first[:c]).to eq(1)
    expect(parsed.dig("a", :b, 0, :c)).to eq(1)
    expect(parsed.fetch(:a).key?(:b)).to be(true)
    expect(parsed.merge(z: {y: 2})[:z]["y"]).to eq(2)
    expect(parsed.slice(:a).keys).to eq(["a"])
    expect(parsed.except(:a)).to be_empty
    expect(parsed.deep_symbolize_keys).to eq({a: {b: [{c: 1}]}})
    case parsed
    in {a: {b: [{c: Integer => found}]}} then expect(found).to eq(1)
    end
  end
end
