a = "x"
a = 1
b = 1
b = "x"
