b {
  # lead
  x = 1 # x
  y = 22 # y

  # alone

  z = 3
  # last
}
