one = { path = "p" }
