"""Generated protobuf messages: objects where bytes would be awkward, and the tests' other side.

The services move bytes with `remote_write` and `remote_read` and never import this package.
"""
