"""Take pushes of clusters, store them, and serve their newest samples."""
