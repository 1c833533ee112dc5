# The shared vectors of proto/wire/vectors, as Ruby values.
require "json"

module Vectors
  DIRECTORY = File.expand_path("../../../../proto/wire/vectors", __dir__)

  def self.load(name)
    JSON.parse(File.read(File.join(DIRECTORY, "#{name}.json"), encoding: "UTF-8"))
  end

  # @param parts [Array] hexadecimal strings and `{"repeat", "times"}`
  def self.bytes(parts)
    parts.map { |part| part.is_a?(Hash) ? part["repeat"] * part["times"] : part }.then { |hex| [hex.join].pack("H*") }
  end

  # @param typed [Hash] `{"int": "1"}` and the like
  def self.value(typed)
    kind, content = typed.first
    case kind
    when "nil" then nil
    when "int" then Integer(content, 10)
    when "array" then content.map { |item| value(item) }
    when "map" then content.to_h { |key, item| [key, value(item)] }
    else content
    end
  end
end
