"""A four-legged robot in MuJoCo: its body, its gait, and many of them stepped in parallel."""
