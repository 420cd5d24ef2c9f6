"""The deployed functions, one file each: parse, hand over, answer."""

import gc

# A cold start makes some sixty thousand objects, nearly all of which stay, and Python would search
# them for garbage hundreds of times: a tenth of the time until a function is ready. A command
# leaves few behind, so a search now and then is enough; what waits for it is some megabytes.
gc.set_threshold(100_000)
