# Public names as api.json writes them, and the signature of what each means.
module PublicNames
  # `A::B` is a constant, `A::B.c` a method of it, `A::B#c` one of its instances.
  # @return [String] "(name:, metadata: {…})" with `?` behind what may be left out; what is no method: its kind
  # @raise [NameError] there is no such thing
  def self.signature(name)
    constant, separator, method = name.partition(/[#.](?=[a-z_\[=])/)
    target = Object.const_get(constant)
    return kind_of(target) if separator.empty?

    found = (separator == "#") ? target.instance_method(method) : target.method(method)
    "(#{found.parameters.map { |parameter| written(*parameter) }.join(", ")})"
  end

  def self.kind_of(target)
    case target
    when Class then "class"
    when Module then "module"
    else target.class.name
    end
  end
  private_class_method :kind_of

  def self.written(kind, name = nil)
    bare = name.to_s.delete_prefix("_")
    {
      req: bare, opt: "#{bare}?", rest: "*#{bare}", keyreq: "#{bare}:", key: "#{bare}:?", keyrest: "**#{bare}", block: "&#{bare}",
      nokey: "**nil"
    }.fetch(kind)
  end
  private_class_method :written
end
