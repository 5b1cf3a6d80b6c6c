"""What schemathesis needs to know of the bodies that the services take: a zip is sent as it is."""

import schemathesis

schemathesis.serializer.alias("application/zip", "application/octet-stream")
