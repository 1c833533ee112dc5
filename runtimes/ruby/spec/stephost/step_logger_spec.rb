# The logger where no host listens, as in tests of handlers.
RSpec.describe Stephost::StepLogger do
  it "is a Logger that prints its fields to stderr" do
    expect(Stephost.logger).to be_a(Logger)
    expect { described_class.new.info("reserved", sku: "a1") }.to output(/INFO -- : reserved \{"sku":"a1"\}$/).to_stderr
    expect { described_class.new.error { "in a block" } }.to output(/ERROR -- : in a block$/).to_stderr
    expect { described_class.new.add(Logger::WARN, "added") }.to output(/WARN -- : added$/).to_stderr
  end

  it "respects its level and shows values without a JSON form as Ruby does" do
    logger = described_class.new
    logger.level = Logger::WARN
    expect { logger.info("quiet") }.not_to output.to_stderr
    expect { logger.warn("odd", value: Float::NAN) }.to output(/odd \{"value":"NaN"\}/).to_stderr
  end
end
