"""What `make bench` runs: ratios taken inside one run, so that a slow machine does not matter."""
