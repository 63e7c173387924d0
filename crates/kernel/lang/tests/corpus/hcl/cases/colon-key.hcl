limits = { "soft": [1] }
