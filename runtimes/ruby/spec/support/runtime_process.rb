# The real process behind two socket pairs: specs speak raw msgpack to it, as a host does.
require "io/nonblock"
require "json"
require "msgpack"
require "socket"
require "timeout"

class RuntimeProcess
  EXECUTABLE = File.expand_path("../../exe/stephost-ruby", __dir__)
  WATCH_LIBRARY = File.expand_path("../../../../build/pinger.so", __dir__)
  WAIT_S = 20

  # `wire` and `watch` are the host's ends.
  attr_reader :pid, :wire, :watch

  # @param order [Array<String>] arguments after those of the descriptors
  # @param env [Hash] beside the environment of the specs
  def initialize(*arguments, order: [], env: {})
    @wire, guest_wire = UNIXSocket.pair
    @watch, guest_watch = UNIXSocket.pair
    # As a host gives them: Ruby's own sockets do not block.
    [guest_wire, guest_watch].each { |socket| socket.nonblock = false }
    @output, guest_output = IO.pipe
    @errors, guest_errors = IO.pipe
    @pid = Process.spawn(
      env, "ruby", EXECUTABLE, *arguments, "--wire-descriptor", "3", "--watch-descriptor", "4", *order,
      :in => File::NULL, :out => guest_output, :err => guest_errors, 3 => guest_wire, 4 => guest_watch, :pgroup => true
    )
    [guest_wire, guest_watch, guest_output, guest_errors].each(&:close)
  end

  def send_message(*messages)
    send_payload(*messages.map { |message| MessagePack.pack(message) })
  end

  # All in one write: the guest reads them together.
  def send_payload(*payloads)
    @wire.write(payloads.map { |payload| [payload.bytesize].pack("N") + payload }.join)
  end

  # @return [Hash, nil] nil at the end of the stream
  def receive_any
    Timeout.timeout(WAIT_S) do
      header = @wire.read(4) or return
      MessagePack.unpack(@wire.read(header.unpack1("N")))
    end
  rescue Errno::ECONNRESET
    nil
  end

  # Heartbeats come when time passes, so what a spec waits for may come with or without them; they prolong no wait.
  def receive
    Timeout.timeout(WAIT_S) do
      loop do
        message = receive_any
        return message unless message && message["type"] == "heartbeat"
      end
    end
  end

  # @return [Array<Hash>] all messages up to and with the first of that type
  def receive_until(type)
    messages = []
    loop do
      messages << (receive or raise "The runtime ended before `#{type}`: #{messages}")
      return messages if messages.last["type"] == type
    end
  end

  # Runs one step and gives its entry.
  def run(callable, task_context = {}, **options)
    logged(callable, task_context, **options).last
  end

  # Runs one step.
  # @return [Array(Array<Hash>, Hash)] its log messages and its entry
  def logged(callable, task_context = {}, **options)
    send_message(execute("call", callable, task_context, **options))
    messages = receive_until("result")
    [messages.select { |message| message["type"] == "log" }, messages.last.fetch("results").first]
  end

  def execute(call_id, callable, task_context = {}, method: nil, resolver: nil, **request_options)
    {
      "type" => "execute", "call_id" => call_id, "mode" => "single", "callable" => callable, "method" => method,
      "resolver" => resolver, "deadline_ms" => 60_000, "traceparent" => "00-#{"1" * 32}-#{"2" * 16}-01",
      "requests" => [request(callable, task_context, **request_options)]
    }
  end

  def request(callable, task_context, step_uuid: "s1", initialization: {}, step: {}, dependencies: {})
    task = {task: {task_uuid: "t1", context: task_context}, task_name: "order", task_version: "1.0.0", namespace_name: "shop"}
    {
      "step_uuid" => step_uuid, "task_uuid" => "t1", "correlation_id" => "c1", "step_name" => "step", "attempts" => 0,
      "task" => JSON.generate(task),
      "workflow_step" => JSON.generate({workflow_step_uuid: step_uuid, name: "step"}.merge(step)),
      "dependency_results" => JSON.generate(dependencies),
      "step_definition" => JSON.generate({name: "step", handler: {callable: callable, initialization: initialization}})
    }
  end

  # @return [String] the next line of descriptor 1
  def gets
    @output.gets
  end

  def cancel(call_id, grace_ms: 60_000)
    send_message({"type" => "cancel", "call_id" => call_id, "reason" => "timeout", "grace_ms" => grace_ms})
  end

  # Closes the wire and waits for the end.
  # @return [Array(Integer, String)] exit code, nil after a signal, and what reached descriptors 1 and 2
  def finish
    @wire.close unless @wire.closed?
    status, printed = wait
    [status.exitstatus, printed]
  end

  # @return [Array(Process::Status, String)] how the process ended and what reached descriptors 1 and 2
  def wait
    printed = Timeout.timeout(WAIT_S) { @output.read + @errors.read }
    [Process.wait2(@pid).last, printed]
  ensure
    @ended = true
    [@output, @errors, @watch, @wire].each { |io| io.close unless io.closed? }
  end

  # Leaves nothing running, whatever the spec did.
  def stop
    return if @ended

    Process.kill("KILL", -@pid)
    wait
  end
end
