"""Where the data of these examples lie, and what pods need to reach them: here, in a bucket.

On a volume, ROOT=file:///data/ and CLAIM=fanfold-data; the volume must then be mounted at /data here, too.
"""

import os

from fanfold.definitions.options import PodOptions

ROOT = os.environ.get("ROOT", "s3://fanfold/examples/")
LOGS = f"{ROOT}logs/"
"""A folder for each day."""
PODS: PodOptions = {"bundles": f"{ROOT}bundles/"}
"""Rendering copies the code to `bundles`, and the pods fetch it from there."""
if "CLAIM" in os.environ:
    PODS["claim"] = os.environ["CLAIM"]
else:
    PODS |= {"s3_secret": "fanfold-s3"}
if "S3_ENDPOINT" in os.environ:  # else AWS
    PODS["s3_endpoint"] = os.environ["S3_ENDPOINT"]
