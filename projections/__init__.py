"""What a country can ask: read models folded from events."""
