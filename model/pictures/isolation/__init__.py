"""Isolation: strangers' files are decoded in processes of their own, which may crash, hang or be killed."""
