"""The real Pulumi engine over the embedded cloud: built from a pinned module, attached to gRPC providers of this process."""
