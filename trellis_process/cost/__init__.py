"""What processes cost on AWS: counted from the items the code writes, at list prices.

Begin at ``Workload``: it describes what a stack has to do in a month, and ``bill`` prices it.
Nothing here asks AWS for anything. ``trellis cost`` is this on the command line. Needs the extra
``trellis-process[dynamodb]``.
"""

from trellis_process.cost.bill import Bill, bill
from trellis_process.cost.journey import Journey, Starting
from trellis_process.cost.others import OTHERS, price_elsewhere
from trellis_process.cost.prices import PRICES, Price
from trellis_process.cost.units import read_units, write_units
from trellis_process.cost.usage import Usage, usage_of
from trellis_process.cost.workload import Channel, Workload, read_workloads

__all__ = [
    "OTHERS",
    "PRICES",
    "Bill",
    "Channel",
    "Journey",
    "Price",
    "Starting",
    "Usage",
    "Workload",
    "bill",
    "price_elsewhere",
    "read_units",
    "read_workloads",
    "usage_of",
    "write_units",
]
