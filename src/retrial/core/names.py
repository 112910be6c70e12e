"""What a name may be that stands in a claim file, in params.yaml, in MLflow and in the report."""

# Names become files, addresses, attributes, labels, tags and code spans: none needs more than this.
NAME = r"[A-Za-z0-9][A-Za-z0-9_.+/-]*"
