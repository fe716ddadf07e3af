"""The live state that requests read: model, histories, catalogue, popularity."""
