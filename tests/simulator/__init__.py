"""The simulator alone, over real sockets."""
