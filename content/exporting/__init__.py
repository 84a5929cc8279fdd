"""How does a person take a roadmap away? Rows become one document, and the document becomes each format."""
