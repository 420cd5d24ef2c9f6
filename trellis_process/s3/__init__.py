"""The archive in S3: finished processes as compressed JSON lines."""

from trellis_process.s3.archive import Archive

__all__ = ["Archive"]
