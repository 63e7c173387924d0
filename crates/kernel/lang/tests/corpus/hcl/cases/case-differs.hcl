Name = "a"
name = "b"
