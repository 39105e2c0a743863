"""The words and the bytes: event classes, released schemas, codec, codes, the topic contract."""
