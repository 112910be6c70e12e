"""What the `retrial` command does besides judging."""
