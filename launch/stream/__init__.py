"""launch.stream: a texture of any length. `program` is where it begins."""
