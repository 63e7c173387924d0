a = [x]
