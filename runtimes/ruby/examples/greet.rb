# The smallest handler: reads a field of the task and returns a greeting.
require "stephost"

class Greet < Stephost::StepHandler::Base
  def handler_name = "examples.greet"

  def call(context)
    name = context.get_input("name").to_s.strip
    if name.empty?
      raise Stephost::Errors::ValidationError.new("`name` is missing or blank", field: "name", error_code: "NAME_MISSING")
    end

    success(result: {greeting: "Hello, #{name}!"})
  end
end
