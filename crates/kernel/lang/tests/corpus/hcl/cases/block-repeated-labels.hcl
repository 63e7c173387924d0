a "x" { b = 1 }
a "y" { c = 2 }
a "x" { d = 3 }
