"""The version of this package; it travels in `hello` as `sdk_version`."""

VERSION = "0.1.0"
