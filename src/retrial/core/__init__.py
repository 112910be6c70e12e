"""What everything rests on: errors, files, configuration, seeds, trials, records."""
