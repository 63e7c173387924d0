a.b-c_d9 = 1
_x = 2
