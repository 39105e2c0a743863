"""Import of files: each row becomes decisions through the same service as everything else."""
