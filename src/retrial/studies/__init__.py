"""One module per family of experiments; each reads like a method section."""
