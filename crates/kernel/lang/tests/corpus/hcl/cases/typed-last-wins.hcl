name = "a"
name = "b"
count = 1
count = 2
