"""Models on disk: bundles and their manifests."""
