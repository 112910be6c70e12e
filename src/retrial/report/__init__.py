"""The report: numbers with their provenance, tables, figures, rendering."""
