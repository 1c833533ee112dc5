# Every public name of handler-api §1.1 is here, with the signature that api.json writes down.
require "json"
require_relative "../../lib/tasker_core"
require_relative "../support/public_names"

RSpec.describe "the public names" do
  entries = JSON.parse(File.read(File.expand_path("../../api.json", __dir__)))

  it "are many" do
    expect(entries.size).to be > 250
  end

  entries.each do |entry|
    it "#{entry["name"]} #{entry["signature"]}" do
      expect(PublicNames.signature(entry["name"])).to eq(entry["signature"])
    end
  end
end
