//! The configuration: the only place that knows YAML and our environment variables.
