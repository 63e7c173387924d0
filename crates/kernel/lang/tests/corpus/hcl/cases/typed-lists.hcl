list = ["a", "b"]
numbers = [1, "2", 0x3]
