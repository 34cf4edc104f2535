"""launch.sweep: many runs of launch.texture or launch.transfer. `program` is where it begins."""
