"""The OpenAPI document: a description of the service's requests and answers, for programs and people."""
