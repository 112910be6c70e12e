"""From a study to its records: digests, the trial store, the sweep, tracking."""
