name = ["x"]
