"""Keys: what seals personal data, who may open it, and how it is destroyed (design §11)."""
