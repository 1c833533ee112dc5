# Which classes count as declared by an author, and by which file.
require "open3"
require "tmpdir"

RSpec.describe "declarations" do
  it "have no base class of the package, also when a handler file is the first to name it" do
    code = <<~RUBY
      require "stephost"
      class Ask < Stephost::StepHandler::Api; end
      class Split < Stephost::StepHandler::Batchable; end
      class Route < Stephost::StepHandler::Decision; end
      class Mixed < Stephost::StepHandler::Base
        include Stephost::StepHandler::Mixins::API
      end
      include Stephost::StepHandler::Functional
      step_handler("one") { {} }
      p Stephost::Declarations.all.keys.map { |declared| declared.name || declared.allocate.handler_name }
    RUBY
    Dir.mktmpdir do |directory|
      file = File.join(directory, "handlers.rb")
      File.write(file, code)
      output, status = Open3.capture2("ruby", "-I", File.expand_path("../../lib", __dir__), file)
      expect([status.success?, output.strip]).to eq([true, '["Ask", "Split", "Route", "Mixed", "one"]'])
    end
  end
end
