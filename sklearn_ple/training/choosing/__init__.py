"""What is decided before a training: defaults, options of skorch's net, the rows set aside."""
