"""From records and ledger to verdicts."""
