"""Isolation: decodes untrusted files in separate processes, which may crash, hang or be killed."""
