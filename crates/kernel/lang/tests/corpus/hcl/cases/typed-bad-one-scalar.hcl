one = "p"
