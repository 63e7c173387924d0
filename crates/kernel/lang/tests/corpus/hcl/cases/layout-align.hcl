b {
  a = 1
  long_key = "x"
  mid = [1, 2]

  z = 3
  yy = 4
}
