# The real process behind two pipes: specs speak raw msgpack to it, as a host does.
require "json"
require "msgpack"
require "timeout"

class RuntimeProcess
  EXECUTABLE = File.expand_path("../../exe/stephost-ruby", __dir__)
  WAIT_S = 20

  attr_reader :pid, :input, :output

  def initialize(*arguments)
    guest_input, @input = IO.pipe(binmode: true)
    @output, guest_output = IO.pipe(binmode: true)
    @errors, guest_errors = IO.pipe
    @pid = Process.spawn("ruby", EXECUTABLE, *arguments, in: guest_input, out: guest_output, err: guest_errors)
    [guest_input, guest_output, guest_errors].each(&:close)
  end

  def send_message(message)
    send_payload(MessagePack.pack(message))
  end

  def send_payload(payload)
    @input.write([payload.bytesize].pack("N") + payload)
  end

  # @return [Hash, nil] nil at the end of the stream
  def receive
    Timeout.timeout(WAIT_S) do
      header = @output.read(4) or return
      MessagePack.unpack(@output.read(header.unpack1("N")))
    end
  end

  # Runs one step and gives its entry.
  def run(callable, task_context = {}, **options)
    send_message(execute("call", callable, task_context, **options))
    receive.fetch("results").first
  end

  def execute(call_id, callable, task_context = {}, method: nil, resolver: nil, initialization: {}, step: {}, dependencies: {})
    {
      "type" => "execute", "call_id" => call_id, "mode" => "single", "callable" => callable, "method" => method,
      "resolver" => resolver, "deadline_ms" => 1000,
      "requests" => [request(callable, task_context, initialization, step, dependencies)]
    }
  end

  def request(callable, task_context, initialization = {}, step = {}, dependencies = {})
    task = {task: {task_uuid: "t1", context: task_context}, task_name: "order", task_version: "1.0.0", namespace_name: "shop"}
    {
      "step_uuid" => "s1", "task_uuid" => "t1", "correlation_id" => "c1", "step_name" => "step", "attempts" => 0,
      "task" => JSON.generate(task),
      "workflow_step" => JSON.generate({workflow_step_uuid: "s1", name: "step"}.merge(step)),
      "dependency_results" => JSON.generate(dependencies),
      "step_definition" => JSON.generate({name: "step", handler: {callable: callable, initialization: initialization}})
    }
  end

  # Closes the input and waits for the end.
  # @return [Array(Integer, String)] exit code and what was printed
  def finish
    @input.close unless @input.closed?
    printed = Timeout.timeout(WAIT_S) { @errors.read }
    [Process.wait2(@pid).last.exitstatus, printed]
  ensure
    [@output, @errors].each(&:close)
  end
end
