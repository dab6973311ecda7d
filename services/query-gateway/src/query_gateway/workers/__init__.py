"""Several processes on one port: how they are started, kept, and looked at as one."""
