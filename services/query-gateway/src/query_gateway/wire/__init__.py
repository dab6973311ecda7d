"""HTTP/1.1 to the backends: lean, strict about what is read, over connections that are kept."""
