"""The service under load: throughput, fresh items, memory, outages, crashes."""
