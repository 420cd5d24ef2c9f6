"""Makes the call it is invoked with; over HTTP it repeats what it was asked."""

import json

from lambdas.probe import outcome


def handler(event, context):
    if "operation" in event:
        return outcome(event)
    asked = {
        "method": event["requestContext"]["http"]["method"],
        "path": event["rawPath"],
        "query": event.get("queryStringParameters"),
        "headers": event.get("headers"),
        "body": event.get("body"),
    }
    return {"statusCode": 200, "body": json.dumps(asked)}
