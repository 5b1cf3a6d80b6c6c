"""Objects: bytes of any size under a key, in a folder (`filesystem`) or an S3 bucket (`s3`)."""

from fanfold_storage.objects.protocol import Objects, Opened, Staged, Stat, read_all, readable_key, validate_key

__all__ = ["Objects", "Opened", "Staged", "Stat", "read_all", "readable_key", "validate_key"]
