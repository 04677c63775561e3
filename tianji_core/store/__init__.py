"""What must outlive a call: files, batches, answers that can be asked for again. SQLite by default, PostgreSQL by URL.

`Store` is light; what it stands on (SQLAlchemy, Alembic, a driver) is imported when the first call needs it.
"""

from tianji_core.store.store import Store, StoreUnavailableError
from tianji_core.store.url import Database, DatabaseURLError, check_url

__all__ = ["Database", "DatabaseURLError", "Store", "StoreUnavailableError", "check_url"]
