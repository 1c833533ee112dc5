# A Gemfile beside the handlers.
require "tmpdir"

RSpec.describe "a runtime with a Gemfile" do
  around do |example|
    Dir.mktmpdir do |directory|
      @directory = directory
      FileUtils.mkdir_p("#{directory}/gems/greeting/lib")
      File.write("#{directory}/gems/greeting/lib/greeting.rb", "GREETING = \"from the bundle\"\n")
      File.write("#{directory}/gems/greeting/greeting.gemspec", <<~RUBY)
        Gem::Specification.new("greeting", "1.0.0") { |gem| gem.summary = gem.author = "x"; gem.files = ["lib/greeting.rb"] }
      RUBY
      File.write("#{directory}/Gemfile", "gem \"greeting\", path: \"gems/greeting\"\n")
      File.write("#{directory}/greet.rb", <<~RUBY)
        require "tasker_core"
        require "greeting"
        class Greet < TaskerCore::StepHandler::Base
          def call(_context) = {text: GREETING}
        end
      RUBY
      example.run
    end
  end

  def start
    @runtime = RuntimeProcess.new(
      "--handlers", @directory, "--ignore", "gems", env: {"BUNDLE_GEMFILE" => "#{@directory}/Gemfile", "RUBYOPT" => nil}
    )
  end

  after { @runtime.stop }

  it "loads what the Gemfile names, which need not name msgpack" do
    hello = start.receive
    expect(hello["load_failures"]).to eq([])
    expect(@runtime.run("Greet")["result"]).to eq('{"text":"from the bundle"}')
  end

  it "ends with one line and the cure when the bundle does not load" do
    File.write("#{@directory}/Gemfile", "gem \"not-installed-anywhere\"\n")
    expect(start.receive).to be_nil
    code, printed = @runtime.finish
    expect([code, printed.lines.size]).to eq([70, 1])
    expect(printed).to include("not-installed-anywhere", "BUNDLE_GEMFILE=#{@directory}/Gemfile bundle install")
  end
end
