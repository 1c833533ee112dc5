# The version of this package; it travels in `hello` as `sdk_version`.
module Stephost
  VERSION = "0.1.0"
end
