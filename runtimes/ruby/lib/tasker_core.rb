# Handlers written for Tasker say `require "tasker_core"` and `TaskerCore::…`; both mean this package.
require_relative "stephost"
require_relative "stephost/active_support_pieces"

TaskerCore = Stephost

# A project that has ActiveSupport gets it; others get the few methods that handlers lean on.
require "active_support/all" if Gem.loaded_specs.key?("activesupport")
Stephost::ActiveSupportPieces.install
