table = 3
