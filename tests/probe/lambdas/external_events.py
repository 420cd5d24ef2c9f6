"""Stands in for the external events: makes the call it is invoked with, and answers how it went."""

from lambdas.probe import outcome


def handler(event, context):
    return outcome(event)
