"""The demo: two countries' nodes over a real Kafka, and what happens between them."""
