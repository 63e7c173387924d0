name = "x"
count = 3
ratio = 1.5
on = true
