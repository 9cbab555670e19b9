"""The OpenAPI document: what the service takes and answers, for programs and people to read."""
