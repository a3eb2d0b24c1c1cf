"""Rules of the project: lint, types, import contracts, documents, packaging."""
