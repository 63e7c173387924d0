list = "a"
