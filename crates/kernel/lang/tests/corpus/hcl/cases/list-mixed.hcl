a = ["x", 1, 2.5, true, false]
