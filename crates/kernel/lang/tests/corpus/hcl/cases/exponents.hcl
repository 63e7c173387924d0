a = 1e5
b = 1.5e3
c = 2E-3
d = 1e21
e = 1e-7
f = 1e20
