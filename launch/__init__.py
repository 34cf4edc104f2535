"""The programs: flags, one call of the library, files. Run them from a checkout as
`python -m launch.NAME`.

Importing a program defines no flags, reads no arguments and changes no signals: `launch.cli` does
that for a process that runs one.
"""

import os

# Before NumPy and SciPy load their linear algebra: its threads and XLA's wait for each other for
# ever where XLA decomposes several matrices at once, as gaussian-ot does.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
