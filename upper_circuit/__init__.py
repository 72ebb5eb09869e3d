"""Which Indian shares are likely to lock at their upper circuit: the domain, without HTTP, Kubernetes or exit codes."""
