# Tasks over the REST of orchestration. Source of names: handler-api §1.1; of the routes: orchestration-semantics.
require_relative "http_client"

module Stephost
  # Answers are hashes with string keys. Errors of the service raise: PermanentError for 4xx, RetryableError for the rest.
  module Client
    URL_DEFAULT = "http://127.0.0.1:8080"
    PATH = "/v1/tasks"

    class << self
      # @param rest [Hash] further fields of a task request: `tags:`, `priority:` …
      # @return [Hash] the task
      def create_task(
        name:, namespace: "default", context: {}, version: "1.0.0",
        initiator: "stephost", source_system: "stephost", reason: "created by a Ruby client", **rest
      )
        fields = {
          name: name, namespace: namespace, version: version, context: context,
          initiator: initiator, source_system: source_system, reason: reason, **rest
        }
        ask(:post, PATH, data: fields)
      end

      def get_task(task_uuid)
        ask(:get, "#{PATH}/#{task_uuid}")
      end

      def list_tasks(limit: 50, offset: 0, namespace: nil, status: nil)
        params = {limit: limit, offset: offset, namespace: namespace, status: status}.compact
        ask(:get, PATH, params: params)
      end

      def cancel_task(task_uuid)
        ask(:delete, "#{PATH}/#{task_uuid}")
      end

      # @return [Array<Hash>]
      def list_task_steps(task_uuid)
        ask(:get, "#{PATH}/#{task_uuid}/workflow_steps")
      end

      def get_step(task_uuid, step_uuid)
        ask(:get, "#{PATH}/#{task_uuid}/workflow_steps/#{step_uuid}")
      end

      # @return [Array<Hash>]
      def get_step_audit_history(task_uuid, step_uuid)
        ask(:get, "#{PATH}/#{task_uuid}/workflow_steps/#{step_uuid}/audit")
      end

      def health_check
        ask(:get, "/health")
      end

      private

      def ask(method, path, **about)
        response = HttpClient.new(url: ENV.fetch("TASKER_ORCHESTRATION_URL", URL_DEFAULT)).request(method, path, **about)
        return response.body if response.success?

        message = "#{method.to_s.upcase} #{path} answered #{response.status}: #{response.excerpt}"
        raise Errors::RetryableError.new(message, retry_after: response.retry_after) if response.retryable?

        raise Errors::PermanentError.new(message, error_code: "HTTP_#{response.status}")
      end
    end
  end
end
