"""How things are said and shown: JSON shapes, tables, texts. Nothing here decides anything."""
