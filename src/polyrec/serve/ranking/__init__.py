"""From a query to a list: candidates, filters, fallbacks, diversity."""
