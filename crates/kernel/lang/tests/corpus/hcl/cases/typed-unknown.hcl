name = "x"
other = 1
strange "y" { z = 1 }
