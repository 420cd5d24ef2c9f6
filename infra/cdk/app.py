"""Deploys Trellis alone, by CDK: one stack with one construct, and the outputs of the SAM template.

From this folder, with ``pip install 'trellis-process[cdk]'`` and Node for the tool:

    npx aws-cdk@2 bootstrap   # once for each account and region
    npx aws-cdk@2 deploy      # -c name=… for another stack beside it

``-c bundle=…`` takes a bundle that was built before, a folder or a zip; otherwise one is built for
AWS, which needs a ``python3.13`` on the ``PATH``. What else there is to choose stands in
docs/cdk.md. Write it here, or take the construct into an app of your own, where it can have
consumers and callers beside it.
"""

from aws_cdk import App, Stack

from trellis_process.cdk import TrellisProcess

app = App()
name = app.node.try_get_context("name") or "trellis"
stack = Stack(app, name, description="Trellis, a serverless process tracker.")
TrellisProcess(
    stack,
    "Tracker",
    # As the SAM template would call things, in whose stead this is.
    name=name,
    outputs=True,
    bundle=app.node.try_get_context("bundle"),
)
app.synth()
