on = [true]
