# Readers over the four documents of a step request. Source of names: handler-api §0.1, §0.2, §1.1.
require_relative "indifferent_hash"

module Stephost
  module Models
    # A document with a reader for each field that Tasker names; `to_h` shows all of it.
    class Wrapper
      def self.fields(*names)
        names.each { |name| define_method(name) { @document[name.name] } }
      end

      def initialize(document)
        @document = IndifferentHash.wrap(document || {})
      end

      def to_h
        @document
      end
    end

    class TaskWrapper < Wrapper
      fields :task_name, :task_version, :namespace_name

      # The task's own columns sit one level deeper than its names.
      def task
        @document["task"] || {}
      end

      def task_uuid
        task["task_uuid"]
      end

      # @return [IndifferentHash]
      def context
        task["context"] || IndifferentHash.new
      end
    end

    class WorkflowStepWrapper < Wrapper
      fields :workflow_step_uuid, :task_uuid, :named_step_uuid, :name, :template_step_name, :retryable,
        :max_attempts, :in_process, :processed, :processed_at, :attempts, :last_attempted_at,
        :backoff_request_seconds, :results, :checkpoint, :created_at, :updated_at

      def inputs
        @document["inputs"] || IndifferentHash.new
      end
    end

    class DependencyResultsWrapper < Wrapper
      # @return [IndifferentHash, nil] the whole stored step result
      def get_result(name)
        @document[name]
      end

      # @return [Object, nil] what the step returned
      def get_results(name)
        stored = get_result(name)
        (stored.is_a?(Hash) && stored.key?("result")) ? stored["result"] : stored
      end
      alias_method :[], :get_result

      def keys
        @document.keys
      end

      def key?(name)
        @document.key?(name)
      end

      def each_key(&block)
        @document.each_key(&block)
      end
    end

    class HandlerWrapper < Wrapper
      fields :callable, :resolver

      # Not `method`: every Ruby object has one.
      def handler_method
        @document["method"]
      end

      def initialization
        @document["initialization"] || IndifferentHash.new
      end
    end

    class StepDefinitionWrapper < Wrapper
      fields :name, :description, :retry, :timeout_seconds

      def handler
        @handler ||= HandlerWrapper.new(@document["handler"])
      end

      def dependencies
        @document["dependencies"] || []
      end

      def publishes_events
        @document["publishes_events"] || []
      end
    end
  end
end
