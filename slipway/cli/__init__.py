"""The command ``slipway``.

Exit codes: 0 done · 1 refused or failed · 2 wrong usage · 3 the server cannot be reached · 130 interrupted.
"""
