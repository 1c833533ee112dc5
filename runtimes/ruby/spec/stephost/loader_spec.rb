# Which files load, under which names their handlers are known, and what is refused.
require "stephost/handler_directory"
require "stephost/loader"
require "fileutils"
require "tmpdir"

RSpec.describe Stephost::Loader do
  # Constants live as long as the process, so each example declares its classes in a module of its own.
  around do |example|
    Dir.mktmpdir do |directory|
      @root = File.realpath(directory)
      @space = "Space#{example.object_id}"
      load_path = $LOAD_PATH.dup
      example.run
      $LOAD_PATH.replace(load_path)
    end
  end

  def write(files)
    files.each do |file, text|
      path = File.join(@root, file)
      FileUtils.mkdir_p(File.dirname(path))
      File.write(path, text)
    end
  end

  def handler(name, body = "")
    "require \"stephost\"\nmodule #{@space}\n  class #{name} < Stephost::StepHandler::Base\n" \
      "    #{body}\n    def call(context) = 1\n  end\nend\n"
  end

  it "names handlers by declaration, constant path, suffix and snake_case" do
    write(
      "shop/ship.rb" => handler("ShipOrder", "VERSION = \"2.1.0\"; def handler_name = \"ship\""),
      "shop/pack.rb" => "require \"shop/ship\"\n#{handler("PackOrder")}",
      "tax.rb" => "require \"stephost\"\ninclude Stephost::StepHandler::Functional\nstep_handler(\"#{@space}.tax\") { {} }\n",
      "base.rb" => "require \"stephost\"\nmodule #{@space}\n  class Common < Stephost::StepHandler::Base; end\nend\n",
      ".hidden/x.rb" => "raise", "node_modules/x.rb" => "raise", "target/x.rb" => "raise"
    )
    loader = described_class.new.load([@root])
    expect(loader.load_failures).to eq([])
    directory = Stephost::HandlerDirectory.new(loader.handlers)
    announced = directory.handlers.map(&:announcement).to_h { |item| [item["callable"], item] }
    expect(announced.keys).to contain_exactly("ship", "#{@space}::PackOrder", "#{@space}.tax")
    expect(announced["ship"]).to eq(
      "callable" => "ship", "aliases" => ["#{@space}::ShipOrder", "ShipOrder"], "file" => "shop/ship.rb",
      "root" => @root, "version" => "2.1.0", "capabilities" => [], "on_crash" => "backoff", "depends_on" => []
    )
    expect(announced["#{@space}::PackOrder"]["aliases"]).to eq(%w[PackOrder pack_order])
    expect(announced["#{@space}.tax"]["file"]).to eq("tax.rb")

    expect(directory.resolve("ShipOrder", nil).callable).to eq("ship")
    expect(directory.resolve("#{@space}::ShipOrder", "class_constant").callable).to eq("ship")
    expect(directory.resolve("ship", "explicit_mapping").callable).to eq("ship")
    [["ship", "class_constant"], ["#{@space}::PackOrder", "explicit_mapping"], ["ship", "mine"],
     ["Order", nil]].each do |name, way|
      expect { directory.resolve(name, way) }.to raise_error(Stephost::HandlerDirectory::NotFound)
    end
  end

  {
    "class X\n  def call(\nend\n" => "line 3: syntax error",
    "\nrequire \"not_installed\"\n" => "line 2: LoadError: cannot load such file",
    "1 / 0\n" => "line 1: ZeroDivisionError",
    "exit 3\n" => "calls `exit`"
  }.each do |text, words|
    it "reports a file that does not load: #{words}" do
      write("bad.rb" => text, "good.rb" => handler("Good"))
      loader = described_class.new.load([@root])
      expect(loader.handlers.map(&:callable)).to eq(["#{@space}::Good"])
      expect(loader.load_failures.map { |failure| failure["file"] }).to eq(["#{@root}/bad.rb"])
      expect(loader.load_failures.first["message"]).to include(words)
    end
  end

  it "loads no file and no directory whose name is ignored" do
    write(
      "ship.rb" => handler("Ship"), "ship_test.rb" => "raise", "drafts/a.rb" => "raise", "a/b/drafts/c.rb" => "raise",
      "a/b/good.rb" => handler("Good")
    )
    loader = described_class.new(ignore: ["*_test.rb", "draft?"]).load([@root])
    expect(loader.load_failures).to eq([])
    expect(loader.handlers.map(&:callable)).to contain_exactly("#{@space}::Ship", "#{@space}::Good")
  end

  it "lets handler files require each other, relative to themselves or to the root, once each" do
    write(
      "a/uses.rb" => "require_relative \"../shared/rates\"\nrequire \"shared/names\"\n#{handler("Uses")}",
      "shared/rates.rb" => "#{@space}_LOADS = (defined?(#{@space}_LOADS) ? raise(\"twice\") : 1)\n#{handler("Rates")}",
      "shared/names.rb" => handler("Names")
    )
    loader = described_class.new.load([@root])
    expect(loader.load_failures).to eq([])
    expect(loader.handlers.map { |found| [found.callable, found.file] }).to contain_exactly(
      ["#{@space}::Uses", "a/uses.rb"], ["#{@space}::Rates", "shared/rates.rb"], ["#{@space}::Names", "shared/names.rb"]
    )
  end

  it "knows capabilities and the reaction to a crash, of the class or of its base" do
    write("a.rb" => "#{handler("Base", "on_crash :retry; def capabilities = [:batchable]")}
      module #{@space}; class Ship < Base; def call(_) = 1; end; class Pack < Base; on_crash :backoff; end; end")
    announced = described_class.new.load([@root]).handlers.map(&:announcement)
    expect(announced.map { |item| item.values_at("capabilities", "on_crash") })
      .to eq([[["batchable"], "retry"], [["batchable"], "retry"], [["batchable"], "backoff"]])
    write("b.rb" => handler("Odd", "on_crash :explode"))
    expect(described_class.new.load([@root]).load_failures.first["message"]).to match(/line 4: ArgumentError: on_crash takes/)
  end

  it "drops the classes of a file that breaks after declaring them" do
    write("bad.rb" => "#{handler("Half")}raise \"late\"\n")
    loader = described_class.new.load([@root, "#{@root}/absent"])
    expect(loader.handlers).to eq([])
    expect(loader.load_failures.map { |failure| failure["message"] }).to contain_exactly(/late/, /does not exist/)
  end

  it "refuses one name in two files, with both paths" do
    body = "def handler_name = \"ship\""
    write("a.rb" => handler("A", body), "b.rb" => handler("B", body), "c.rb" => handler("C"))
    directory = Stephost::HandlerDirectory.new(described_class.new.load([@root]).handlers)
    expect(directory.handlers.map(&:callable)).to eq(["#{@space}::C"])
    expect(directory.load_failures.map { |failure| failure["file"] }).to eq(["#{@root}/a.rb", "#{@root}/b.rb"])
    expect(directory.load_failures.first["message"]).to include("#{@root}/a.rb and #{@root}/b.rb")
  end

  it "drops an alias that two handlers share" do
    inner = "module Inner\n class Ship < Stephost::StepHandler::Base\n def call(_) = 1\n end\n end\n"
    write("a.rb" => handler("Ship"), "b.rb" => "require \"stephost\"\nmodule #{@space}\n #{inner}end\n")
    directory = Stephost::HandlerDirectory.new(described_class.new.load([@root]).handlers)
    expect(directory.handlers.map(&:aliases)).to eq([[], ["Inner::Ship"]])
  end
end
