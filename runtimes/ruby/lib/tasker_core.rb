# Handlers written for Tasker say `require "tasker_core"` and `TaskerCore::…`; both mean this package.
require_relative "stephost"

TaskerCore = Stephost
