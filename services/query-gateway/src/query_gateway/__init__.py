"""Answer PromQL queries from permitted series only."""
