"""How a process starts, handles load and ends."""
