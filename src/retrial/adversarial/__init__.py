"""Images changed so that a classifier errs, and measures of the change."""
