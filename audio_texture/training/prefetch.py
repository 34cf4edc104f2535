"""Computing items in a thread before they are used."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any


def prefetch(make: Callable[[Any], Any], items: Iterable[Any], *, depth: int = 3) -> Iterator[Any]:
    """Yields make(item) for every item in order, computed in a thread up to `depth` items ahead.

    Example:
      >>> list(prefetch(str.upper, "abc"))
      ['A', 'B', 'C']
    """
    with futures.ThreadPoolExecutor(1) as thread:
        pending = collections.deque()
        try:
            for item in items:
                pending.append(thread.submit(make, item))
                if len(pending) > depth:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
