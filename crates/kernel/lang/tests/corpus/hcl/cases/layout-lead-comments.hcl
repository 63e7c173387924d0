b {
  # first
  x = 1
  # second
  # more
  yy = 2
  zzz = 3
}
