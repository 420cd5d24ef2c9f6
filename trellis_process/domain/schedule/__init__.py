"""Schedules: what starts processes again and again, at times of day or in intervals."""
