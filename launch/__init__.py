"""The programs: flags, one call of the library, files. Run them from a checkout as
`python -m launch.NAME`.

Importing a program defines no flags, reads no arguments and changes no signals: `launch.cli` does
that for a process that runs one.
"""
