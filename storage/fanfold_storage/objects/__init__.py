"""Objects: bytes of any size under a key, in a folder (`filesystem`) or an S3 bucket (`s3`)."""

from fanfold_storage.objects.protocol import Objects, Staged, Stat, read_all, validate_key

__all__ = ["Objects", "Staged", "Stat", "read_all", "validate_key"]
