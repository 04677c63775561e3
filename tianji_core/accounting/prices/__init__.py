"""What models cost, and what calls do (docs/adr/0023)."""

from tianji_core.accounting.prices.cost import Terms, Unpriced, Used, cost_of
from tianji_core.accounting.prices.pricing import Place, Pricing, terms_of
from tianji_core.accounting.prices.rates import Rates
from tianji_core.accounting.prices.table import PriceTable, PriceTableError, Tables, embedded_table

__all__ = [
    "Place",
    "PriceTable",
    "PriceTableError",
    "Pricing",
    "Rates",
    "Tables",
    "Terms",
    "Unpriced",
    "Used",
    "cost_of",
    "embedded_table",
    "terms_of",
]
