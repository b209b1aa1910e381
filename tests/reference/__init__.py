"""The oracle: every op once more in obvious float64 NumPy, written like its equation.

Nothing here is fast and nothing here knows prelunet; arguments may have any dtype and are computed
in float64.
"""
