"""Programs: flags -> config -> one library call -> files. Run them as `python -m launch.NAME` from a checkout."""
