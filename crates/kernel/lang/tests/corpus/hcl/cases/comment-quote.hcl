# it's "fine
a = 1
