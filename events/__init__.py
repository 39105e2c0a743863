"""The words and the bytes: event classes, schemas, codec."""
