"""Real servers without Docker: Apache Kafka and PostgreSQL for the demo and the tests."""
