"""What tests of a stack need: upstreams that fail on request or replay a recording, and servers as processes."""
