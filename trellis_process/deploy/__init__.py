"""Getting Trellis into a cloud: the bundle that the functions run from, and the stack around it."""
