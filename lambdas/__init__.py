"""The deployed functions, one file each: parse, hand over, answer."""
