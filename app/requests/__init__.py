"""What reads a request: its bytes, within limits of size and time, become images and parameters."""
