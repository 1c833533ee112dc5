# What the worker says of itself, over its REST. Source of names: handler-api §1.1; of the routes: worker-api-and-config §1.
require_relative "http_client"

module Stephost
  # The worker's address is `TASKER_WORKER_URL`, else port 8081 of this machine.
  module Observability
    URL_DEFAULT = "http://127.0.0.1:8081"

    class << self
      {
        health_basic: "/health", health_live: "/health/live", health_ready: "/health/ready",
        health_detailed: "/health/detailed", metrics_worker: "/metrics/worker", event_stats: "/metrics/events",
        prometheus_metrics: "/metrics", templates_list: "/v1/templates", config: "/config"
      }.each { |name, path| define_method(name) { ask(path) } }

      # @return [Boolean]
      def ready?
        client.get("/health/ready").success?
      rescue Errors::Error
        false
      end

      # @return [Boolean]
      def alive?
        client.get("/health/live").success?
      rescue Errors::Error
        false
      end

      def template_get(namespace, name, version)
        ask("/v1/templates/#{namespace}/#{name}/#{version}")
      end

      def template_validate(namespace, name, version)
        body_of(client.post("/v1/templates/#{namespace}/#{name}/#{version}/validate"))
      end

      # Templates are the host's, and nothing of them is kept here.
      def cache_stats
        {entries: 0}
      end

      def cache_clear
        true
      end

      def template_refresh(_namespace = nil, _name = nil, _version = nil)
        true
      end

      # @return [String]
      def environment
        ENV.fetch("TASKER_ENV", "development")
      end

      private

      def ask(path)
        body_of(client.get(path))
      end

      def body_of(response)
        return response.body if response.success?

        raise Errors::ServerError.new("The worker answered #{response.status}: #{response.excerpt}", operation: "observability")
      end

      def client
        HttpClient.new(url: ENV.fetch("TASKER_WORKER_URL", URL_DEFAULT))
      end
    end
  end
end
