NAME = "x"
Count = 1
OnE { Path = "p" }
